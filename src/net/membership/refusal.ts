/**
 * Refuses this peer when its build or its run file differs from the room's. Only a newcomer is refused, never a peer
 * that trains. In a headless run all peers are newcomers, and any difference ends the run.
 */
import type { Turn } from './turn';

/** Refuse this peer if it does not match the room. A refusal is final; the page shows its sentence. */
export function refuse(turn: Turn): void {
  const { state } = turn;
  if (state.refusal !== '' || !turn.isChanged('roster', 'newest')) return;
  const sentence = mismatch(turn);
  if (sentence === undefined) return;
  state.refusal = sentence;
  turn.effects.push({ f: 'refuse', sentence });
}

function mismatch({ state, setting }: Turn): string | undefined {
  if (state.holds > 0 || state.newest.peers.includes(setting.self)) return undefined;
  const { build, run, expect, self } = setting;
  const others = [...state.roster.values()].filter(({ peer }) => peer !== self);
  const foreign = others.find((one) => one.build !== build && ((one.holds ?? 0) > 0 || isHeadless(expect, one.state)));
  const hasOwn = others.some((one) => one.build === build && (one.holds ?? 0) > 0);
  if (foreign && !hasOwn) return otherBuild(build, foreign.build);
  const brought = others.filter(({ state: does }) => isHeadless(expect, does)).map((other) => other.run);
  const otherRun = [state.newest.runHash, ...brought].find((hash) => hash !== '' && hash !== run.hash);
  if (run.hash === '' || otherRun === undefined) return undefined;
  return `This peer brought run file ${run.hash} and the room trains ${otherRun}: join without a run file of your own.`;
}

const isHeadless = (expect: number | undefined, does: string) => expect !== undefined && does === 'willing';

const otherBuild = (mine: string, theirs: string) =>
  `This peer runs build ${mine} and the room runs ${theirs}: reload the page to get the same build.`;
