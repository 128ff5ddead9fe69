/** States whose every number says what and where it is, and ranks in one process that move them. */
import { makeMesh } from '../../src/plan/mesh';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import { parseRunFile } from '../../src/train/runfile';
import type { Announcement } from '../../src/train/state/exchange';
import { wholeModel } from '../../src/train/state/holding';
import { emptyState, type RankState } from '../../src/train/state/state';
import { type CutState, holdingUnder } from '../../src/train/state/sync';
import type { Circuit } from '../../src/train/state/transfer';
import { memoryTransports } from './memory';

export const { model } = parseRunFile({ model: { layers: 2, heads: 4, dim: 8, hidden: 12, context: 5, vocab: 7 } });
export const FLOATS = wholeModel(model).reduce((sum, { floats }) => sum + floats, 0);
export const PLANS: readonly ParallelPlan[] = [
  {},
  { dp: 2 },
  { dp: 3, zero: 1 },
  { dp: 3, zero: 2 },
  { dp: 2, zero: 3 },
  { pp: 2 },
  { tp: 2 },
  { tp: 4 },
  { dp: 2, pp: 2, tp: 2, zero: 1 },
  { pp: 2, schedule: 'zb-v' },
].map(parsePlan);
export const ranksOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

/** A state whose every number says what and where it is. */
export function marked(plan: ParallelPlan, rank: number, step = 4, generation = 1): CutState {
  const holding = holdingUnder(model, { plan, rank });
  const state = emptyState(holding);
  fill(state, holding, (kind, address) => (kind + step + 100 * generation) * FLOATS + address);
  return { step, generation, cutting: { plan, rank }, state };
}

export function fill(
  state: RankState,
  holding: ReturnType<typeof holdingUnder>,
  value: (kind: number, at: number) => number,
) {
  for (const [kind, arrays, part] of [
    [0, state.param, holding.param],
    [1, state.mean, holding.moment],
    [2, state.square, holding.moment],
  ] as const) {
    for (const { unit, local, at, floats } of part.spans) {
      for (let i = 0; i < floats; i++) arrays.get(unit)![local + i] = value(kind, at + i);
    }
  }
}

/** Runs `body` on every rank of `plan` with links between them. */
export function cluster<T>(plan: ParallelPlan, body: (circuit: Circuit, rank: number) => Promise<T>) {
  const transports = memoryTransports(ranksOf(plan));
  const peers = transports.map(({ self }) => self);
  const signal = new AbortController().signal;
  return Promise.all(
    transports.map((transport, rank) => body({ transport, mesh: makeMesh(2, peers, rank, plan), signal }, rank)),
  );
}

export const announced = (held: readonly CutState[]): Announcement => ({
  held: held.map(({ step, generation, cutting }) => ({ step, generation, cutting })),
  init: '',
  text: { sizeBytes: 0, hash: '' },
});
