/**
 * Where the tabs of one browser keep the states of a room: a folder per tab that is open at once, `kept/ROOM/N`, with two states in
 * each. A tab owns the lowest folder whose lock is free; whoever comes back reads the folders of all.
 */
import * as v from 'valibot';
import { type ParallelPlan, parsePlan } from '../plan/plan';
import { OpfsFolder } from '../storage/opfs';
import { sha256 } from '../train/hash';
import { parseRunFile, type RunFile } from '../train/runfile';

const ROOT = 'kept';
const FORMAT = 'tabtrain state 1';
/** Rooms of one browser that are kept; the ones that were kept longest ago make room. */
const MAX_ROOMS = 8;
const MAX_SLOTS = 24;
/** Beside the states, where the run is trained on a text of one's own. */
export const TEXT_FILE = 'text';

/** A state in a slot; its elements are in the file beside. */
export interface KeptState {
  readonly step: number;
  readonly generation: number;
  /** As the room has it: the vocabulary may be open. */
  readonly run: RunFile;
  /** With the vocabulary filled in. */
  readonly vocab: number;
  readonly plan: ParallelPlan;
  readonly rank: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly file: { readonly name: string; readonly sizeBytes: number; readonly sha256: string };
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const schema = v.object({
  format: v.literal(FORMAT),
  step: count,
  generation: count,
  run: v.pipe(
    v.unknown(),
    v.transform((run) => parseRunFile(run)),
  ),
  vocab: count,
  plan: v.pipe(v.unknown(), v.transform(parsePlan)),
  rank: count,
  at: count,
  file: v.object({ name: v.string(), sizeBytes: count, sha256: v.string() }),
});

/** The name of a room's folder, which does not tell its secret. */
export async function roomFolder(secret: string): Promise<string> {
  return (await sha256(new TextEncoder().encode(`kept ${secret}`))).slice(0, 24);
}

export function describeState(state: KeptState): string {
  return JSON.stringify({ format: FORMAT, ...state });
}

/** All states of the room in this browser, the newest first. Rejects with StorageError where there is no storage. */
export async function keptStates(room: string): Promise<readonly (KeptState & { readonly slot: OpfsFolder })[]> {
  const folder = await OpfsFolder.open(ROOT, room);
  const states: (KeptState & { readonly slot: OpfsFolder })[] = [];
  for (const name of await folder.list('directory')) {
    const slot = await OpfsFolder.open(ROOT, room, name);
    for (const file of await slot.list('file')) {
      const text = file.endsWith('.json') ? await slot.readText(file) : null;
      const state = text === null ? null : parseState(text);
      if (state) states.push({ ...state, slot });
    }
  }
  return states.sort((a, b) => b.step - a.step || b.generation - a.generation);
}

/** Null for what another version wrote, or what is broken: it is no state for this one. */
function parseState(text: string): KeptState | null {
  try {
    const { format: _, ...state } = v.parse(schema, JSON.parse(text));
    return state;
  } catch {
    return null;
  }
}

export interface Slot {
  readonly folder: OpfsFolder;
  readonly number: number;
}

/** The folder with the lowest number below `below` that no tab has; this tab has it while it lives. Null where all are taken. */
export async function takeSlot(room: string, below = MAX_SLOTS): Promise<Slot | null> {
  for (let number = 0; number < below; number++) {
    const isMine = await new Promise<boolean>((resolve, reject) => {
      const hold = (lock: Lock | null) => {
        resolve(lock !== null);
        // the lock ends with this Worker
        return lock ? new Promise<void>(() => {}) : undefined;
      };
      navigator.locks.request(`${ROOT} ${room} ${number}`, { ifAvailable: true }, hold).catch(reject);
    });
    if (isMine) return { folder: await OpfsFolder.open(ROOT, room, String(number)), number };
  }
  return null;
}

/** Remove the rooms beyond the newest ones. */
export async function forgetOldRooms(room: string): Promise<void> {
  const root = await OpfsFolder.open(ROOT);
  const others = (await root.list('directory')).filter((name) => name !== room);
  if (others.length < MAX_ROOMS) return;
  const ages = await Promise.all(
    others.map(async (name) => ({ name, at: Math.max(0, ...(await keptStates(name)).map(({ at }) => at)) })),
  );
  for (const { name } of ages.sort((a, b) => b.at - a.at).slice(MAX_ROOMS - 1)) await root.remove(name);
}

/** The ranks whose states make the model whole are there, as far as their plan tells. */
export function isWhole(states: readonly KeptState[]): boolean {
  const [first] = states;
  if (!first) return false;
  const { dp, pp, tp, zero } = first.plan;
  const ranks = zero === 0 && pp === 1 && tp === 1 ? 1 : dp * pp * tp;
  return new Set(states.map(({ rank }) => rank)).size >= ranks;
}

/** States of one step and generation, the newest first. */
export function versionsOf<T extends KeptState>(states: readonly T[]): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const state of states) {
    const name = `${state.step}-${state.generation}`;
    groups.set(name, [...(groups.get(name) ?? []), state]);
  }
  return [...groups.values()];
}
