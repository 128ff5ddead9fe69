/** The sentence that tells the user what a peer of a room waits for. Pure. */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';
import { MOST_MEMBERS } from './election';
import type { Generation } from './membership';

interface Waiting {
  readonly self: PeerId;
  readonly newest: Generation & {
    readonly wanted?: Generation['plan'];
    readonly locked?: boolean;
    readonly reserve?: readonly PeerId[];
  };
  readonly roster: ReadonlyMap<PeerId, Presence>;
  readonly willing: number;
  /** See Setting.fit. */
  readonly fit: (count: number, plan: ParallelPlan, run: string) => ParallelPlan | null;
  /** Headless: the number of peers that the first generation waits for. */
  readonly expect: number | undefined;
  /** Members to which this peer has no link, and the time it has been trying to connect, ms. */
  readonly missingLinks: readonly PeerId[];
  readonly tryingMs: number;
  /** What an attempt to connect to one of them told about the network. */
  readonly whyApart: string | undefined;
  /** Highest generation for which all members are ready. */
  readonly go: number;
}

/** Two devices that can reach each other connect in much less time. */
export const UNREACHED_MS = 8_000;

/** One sentence that says what this peer waits for; '' where it waits for nothing. */
export function waitingSentence(waiting: Waiting): string {
  const { self, newest, roster, willing, expect, go } = waiting;
  const { number, peers, paused, run, wanted, locked, reserve } = newest;
  const hasHost = [...roster.values()].some(({ signal }) => signal);
  if (run === '') return hasHost ? 'Waiting for the lecturer to start.' : 'Waiting for a peer that brings a run file.';
  if (!peers.includes(self)) {
    if (reserve?.includes(self)) {
      return 'This tab would slow the others, so it is in reserve: it takes part when one of them leaves.';
    }
    if (expect !== undefined && number === 0) return `Waiting for peers: ${willing} of ${expect} are here.`;
    const needed = (wanted?.pp ?? 1) * (wanted?.tp ?? 1);
    if (needed > willing) return `The plan cuts the model over ${needed} tabs and ${willing} are here.`;
    const missing = namesOf(waiting.missingLinks, roster);
    if (missing !== '' && waiting.tryingMs >= UNREACHED_MS) {
      const why =
        waiting.whyApart ??
        'both sides must be in one network that lets devices talk to each other (a guest Wi-Fi often does not)';
      return `No connection to ${missing}: ${why}. It is tried again.`;
    }
    if (locked) return 'The lecturer has locked this room.';
    if (isFull(waiting) || (wanted && peers.length >= wanted.dp * needed))
      return `The plan uses ${peers.length === 1 ? '1 tab' : `${peers.length} tabs`}; this one is in reserve.`;
    if (missing !== '') return `Connecting to ${missing}.`;
    return willing > 1 ? 'Waiting for the next step border to join.' : 'Waiting for peers.';
  }
  const missing = namesOf(waiting.missingLinks, roster);
  if (missing !== '') return `Connecting to ${missing}.`;
  if (go < number) return 'Waiting until everybody is connected.';
  return paused ? 'Paused.' : '';
}

/** Whether one more willing peer would not make the generation larger. */
function isFull(waiting: Waiting): boolean {
  const { peers, plan, run } = waiting.newest;
  const count = Math.max(waiting.willing, peers.length + 1);
  const more = waiting.fit(Math.min(count, MOST_MEMBERS), plan, run);
  return more !== null && more.dp * more.pp * more.tp <= peers.length;
}

/** The names of those of `peers` that are still here, joined by commas. */
function namesOf(peers: readonly PeerId[], roster: Waiting['roster']): string {
  return peers.flatMap((peer) => (roster.has(peer) ? [roster.get(peer)!.name || peer] : [])).join(', ');
}
