/**
 * A RankModel of plain numbers for tests of the trainer: a data-parallel model whose gradient is a made-up function of
 * parameters and tokens, summed over dp by the real group and applied with moments, committed by an exchange as at NORM.
 */
import { BadContribution, NonFinite } from '../../src/errors';
import { IGNORED_TARGET } from '../../src/gpu/kernels';
import { makeGroup } from '../../src/net/collective/group';
import type { MicrobatchInput } from '../../src/train/data/data';
import { suspectsOf } from '../../src/train/rank/ballot';
import type { MakeRank, RankModel, StepInput } from '../../src/train/rank/rankcontract';
import type { StateKind } from '../../src/train/state/elements';
import { holdingOf } from '../../src/train/state/holding';
import { emptyState, type UnitArrays } from '../../src/train/state/state';
import { holdingUnder, SINGLE } from '../../src/train/state/sync';

export interface PlainOptions {
  /** Called at points of a step where a test may cause a failure: 'compute', 'reduced', 'voted', 'committed'. */
  readonly at?: (where: string, step: number, self: string) => void | Promise<void>;
  /** Called before the state is read; rejects where the device is lost. `signal`: that of the generation. */
  readonly beforeRead?: (signal: AbortSignal) => Promise<void>;
  /** The sum of the losses that a rank contributes, where it is not the true one. */
  readonly claims?: (self: string, step: number, loss: number) => number;
  /** The step whose loss is not a number. */
  readonly broken?: number;
}

export function plainRanks(options: PlainOptions = {}): MakeRank {
  return async ({ run, plan, mesh, transport, signal }) => {
    const ranks = mesh.peers.map((_, rank) => rank);
    const group = makeGroup(transport, mesh, 'dp', ranks, signal);
    let newest: UnitArrays = new Map();
    let state = emptyState(holdingOf(run.model, plan, mesh));
    // why: padding depends on dp, and the numbers must not
    const sizes = [...holdingUnder(run.model, SINGLE).param.lengths.values()];
    const params = () => [...state.param.values()].map((array, unit) => array.subarray(0, sizes[unit]));
    const at = async (where: string, step: number) => {
      await new Promise((resolve) => setImmediate(resolve));
      await options.at?.(where, step, transport.self);
    };

    const runStep = async ({ step, lr, microbatches, targets, vote, rest }: StepInput) => {
      await at('compute', step);
      const tokens = targets.reduce((sum, count) => sum + count, 0);
      const param = params();
      const grads = param.map((array) => new Float32Array(array.length));
      let loss = 0;
      for (const input of microbatches) loss += accumulate(param, grads, input);
      for (const [unit, grad] of grads.entries()) {
        await group.allReduce(grad, `${mesh.generation}/${step}/REDUCE ${unit}`);
      }
      newest = new Map([...state.mean].map(([unit, { length }], i) => [unit, padded(grads[i]!, length)]));
      await at('reduced', step);
      await rest?.();
      const claimed = options.claims?.(transport.self, step, loss) ?? loss;
      const mine = new Float64Array([claimed, ...vote()]);
      const all = await group.exchange(new Uint8Array(mine.buffer), `${mesh.generation}/${step}/NORM`);
      await at('voted', step);
      const ballots = all.map((bytes) => [...new Float64Array(bytes.slice().buffer)]);
      const losses = ballots.map(([part]) => part!);
      const suspects = suspectsOf(losses, targets);
      if (suspects.length > 0) throw new BadContribution(step, suspects, losses);
      const mean = ballots.reduce((sum, [part]) => sum + part!, 0) / tokens;
      if (step === options.broken) throw new NonFinite(`step ${step} gave loss NaN`);
      const [means, squares] = [[...state.mean.values()], [...state.square.values()]];
      for (const [unit, grad] of grads.entries()) {
        for (const [i, g] of grad.entries()) {
          const scaled = g / tokens;
          means[unit]![i]! += 0.1 * (scaled - means[unit]![i]!);
          squares[unit]![i]! += 0.05 * (scaled * scaled - squares[unit]![i]!);
          param[unit]![i]! -= (lr * means[unit]![i]!) / (Math.sqrt(squares[unit]![i]!) + 1e-3);
        }
      }
      await at('committed', step);
      return { loss: mean, gradNorm: 1, votes: ballots.map(([, ...rest]) => rest) };
    };

    // replicas of plain numbers never train apart
    const array = (kind: StateKind, unit: number) => state[kind as 'param' | 'mean' | 'square'].get(unit)!;

    const rank: RankModel = {
      memory: { param: 1, grad: 1, moment: 1, saved: 0, scratch: 0, staging: 0 },
      runStep,
      losses: async (input) => {
        const param = params();
        return Float32Array.from(input.targets, (target, i) =>
          target === IGNORED_TARGET ? 0 : tokenLoss(param, input.tokens[i]!, target),
        );
      },
      logits: async (tokens) =>
        Float32Array.from({ length: run.model.vocab }, (_, v) => (v === tokens.length % 7 ? 4 : 0)),
      // the newest token decides the next one, whatever stages it goes through
      speaker: async (stages) => ({
        atRest: async () => {},
        arrived: async () => {},
        write: () => {},
        run: async (stage, input, _, wantsLogits) => {
          const rows = stage === 0 ? Float32Array.from(input) : (input as Float32Array);
          if (stages.find((one) => one.stage === stage)!.last < run.model.layers + 1) return rows;
          const next = (rows.at(-1)! + 1) % run.model.vocab;
          return wantsLogits ? Float32Array.from({ length: run.model.vocab }, (_, v) => (v === next ? 9 : 0)) : null;
        },
        close: () => {},
      }),
      gradients: async () => structuredClone(newest),
      read: async () => {
        await options.beforeRead?.(signal);
        return structuredClone(state);
      },
      write: async (given) => {
        state = structuredClone(given);
      },
      readPart: async (kind, unit, from, floats) => array(kind, unit).slice(from, from + floats),
      writePart: async (kind, unit, from, values) => array(kind, unit).set(values, from),
      outerFacts: async () => null,
      goApart: () => {},
      written: async () => {},
      bringTogether: async () => {},
      mostSamples: () => run.train.globalBatch,
      close: () => {},
    };
    return rank;
  };
}

function padded(values: Float32Array, length: number): Float32Array {
  const all = new Float32Array(length);
  all.set(values);
  return all;
}

/** A smooth loss in the parameters, different for every pair of tokens. */
function tokenLoss(param: readonly Float32Array[], token: number, target: number): number {
  const table = param[0]!;
  const error = table[(token * 31 + target) % table.length]! - Math.sin(token + 2 * target);
  return error * error;
}

function accumulate(param: readonly Float32Array[], grads: readonly Float32Array[], input: MicrobatchInput): number {
  let loss = 0;
  for (const [i, target] of input.targets.entries()) {
    if (target === IGNORED_TARGET) continue;
    const token = input.tokens[i]!;
    loss += tokenLoss(param, token, target);
    const at = (token * 31 + target) % param[0]!.length;
    grads[0]![at]! += 2 * (param[0]![at]! - Math.sin(token + 2 * target));
    for (let unit = 1; unit < param.length; unit++) {
      const other = (token + target) % param[unit]!.length;
      grads[unit]![other]! += Math.cos(token + unit) + param[unit]![other]!;
    }
  }
  return loss;
}
