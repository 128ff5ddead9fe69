/**
 * Which tokens sample i of step s consists of, and which samples a rank computes. Pure: the batch of a step does not
 * depend on the ranks, so fewer ranks run a step again with the same batch. Text is in corpus.ts.
 */
import { InputError } from '../../errors';
import { IGNORED_TARGET } from '../../gpu/kernels';
import type { ParallelPlan } from '../../plan/plan';
import { replicaShares } from '../../plan/shares';
import { sequencesByReplica } from '../../plan/sizes';
import { uniformAt } from './random';
import type { Tokens } from './tokens';

/** The fixed split: the last tenth of the tokens is held out. */
export function heldOutStart(tokens: number): number {
  return Math.floor((tokens * 9) / 10);
}

/** What the order of samples depends on. */
export interface SampleOrder {
  readonly order: 'shuffled' | 'sequential';
  readonly seed: number;
  readonly context: number;
  readonly globalBatch: number;
  /** Steps of the whole run. */
  readonly steps: number;
}

/** The samples of a run over one array of tokens. Every sample is a window of context + 1 tokens. */
export interface Samples {
  /** First token of sample `sample` (0 .. globalBatch - 1) of step `step`. */
  startOf(step: number, sample: number): number;
  /** Samples are drawn from the tokens before this one. */
  readonly trained: number;
  /** First tokens of the held-out windows; the held-out loss is the mean over them. Empty if nothing is held out. */
  readonly heldOut: readonly number[];
  readonly tokens: Tokens;
  /** By token, 0 if it is no target; absent: every token is one. */
  readonly answers?: Uint8Array;
  readonly context: number;
}

/** Maximum number of windows of a held-out evaluation, spread evenly over the held-out part. */
export const MAX_HELD_OUT = 128;

/**
 * Held out is the last tenth, or what begins at token `own`. Shuffled: windows start anywhere before that, drawn from
 * (seed, step, sample). Sequential: a sample is window number step * globalBatch + sample of the whole text, or of what is
 * before `own`; after the last whole window the text starts again. If a sequential run reaches the last tenth, nothing is
 * held out. Throws InputError for a text too short for one window.
 */
export function samplesOf(tokens: Tokens, order: SampleOrder, own?: number): Samples {
  const { seed, context, globalBatch, steps } = order;
  const border = own ?? heldOutStart(tokens.length);
  const trained = order.order === 'shuffled' ? border : (own ?? tokens.length);
  if (trained < context + 1) {
    const part = order.order === 'shuffled' ? `its training part ${border}` : 'that';
    throw new InputError(
      `the text has ${tokens.length} tokens and ${part} is fewer than one sample of model.context + 1 = ${context + 1}; give a longer text or lower model.context`,
    );
  }
  if (order.order === 'shuffled') {
    const starts = border - context;
    return {
      startOf: (step, sample) => Math.floor(uniformAt(seed, step, sample) * starts),
      trained,
      heldOut: heldOutWindows(border, tokens.length, context),
      tokens,
      context,
    };
  }
  const windows = Math.floor((trained - 1) / context);
  const reach = Math.min(windows, steps * globalBatch) * context + 1;
  return {
    startOf: (step, sample) => ((step * globalBatch + sample) % windows) * context,
    trained,
    heldOut: reach <= border ? heldOutWindows(border, tokens.length, context) : [],
    tokens,
    context,
  };
}

function heldOutWindows(from: number, to: number, context: number): readonly number[] {
  const windows = Math.max(0, Math.floor((to - from - 1) / context));
  return spread(windows, MAX_HELD_OUT).map((window) => from + window * context);
}

/** At most `most` of the numbers 0 .. `count` - 1, evenly spread. */
export function spread(count: number, most: number): readonly number[] {
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * count) / taken));
}

/** A contiguous range of samples: [first, first + count). */
interface Share {
  readonly first: number;
  readonly count: number;
}

/** Split `count` items into contiguous shares as large as `sizes` are to each other, as nearly as whole items can be. */
export function proportionalShares(count: number, sizes: readonly number[]): readonly Share[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let [first, before] = [0, 0];
  return sizes.map((size) => {
    before += size;
    const share = { first, count: Math.round((count * before) / total) - first };
    first += share.count;
    return share;
  });
}

/** Split `count` items into `parts` contiguous, almost equal shares; the first `count mod parts` have one more. */
export function sharesOf(count: number, parts: number, first = 0): readonly Share[] {
  const shares: Share[] = [];
  for (let part = 0, at = first; part < parts; part++) {
    const size = Math.floor(count / parts) + (part < count % parts ? 1 : 0);
    shares.push({ first: at, count: size });
    at += size;
  }
  return shares;
}

/** One microbatch: `rows` sequences of `context` tokens, and for each token its target, the token that follows. */
export interface MicrobatchInput {
  readonly tokens: Uint32Array;
  /** IGNORED_TARGET in padding rows. */
  readonly targets: Uint32Array;
}

/** The windows that begin at `starts` as one microbatch of `rows` sequences; missing rows are padding. */
export function gatherSamples(samples: Samples, starts: readonly number[], rows: number): MicrobatchInput {
  const { tokens: text, answers, context } = samples;
  const tokens = new Uint32Array(rows * context);
  const targets = new Uint32Array(rows * context).fill(IGNORED_TARGET);
  for (const [row, start] of starts.entries()) {
    tokens.set(text.subarray(start, start + context), row * context);
    targets.set(text.subarray(start + 1, start + context + 1), row * context);
    if (!answers) continue;
    for (let i = 0; i < context; i++) if (answers[start + 1 + i] === 0) targets[row * context + i] = IGNORED_TARGET;
  }
  return { tokens, targets };
}

/** The microbatches of dp coordinate `d` in step `step`, in order. Together, all d compute exactly the global batch. */
export function batchOf(
  samples: Samples,
  step: number,
  cut: Pick<ParallelPlan, 'dp' | 'microbatches' | 'shares'> & { readonly globalBatch: number; readonly d: number },
): readonly MicrobatchInput[] {
  const { globalBatch, d, microbatches } = cut;
  const shares = replicaShares(globalBatch, cut);
  const from = shares.slice(0, d).reduce((sum, share) => sum + share, 0);
  const rows = sequencesByReplica(globalBatch, cut)[d]!;
  return sharesOf(shares[d]!, microbatches, from).map(({ first, count }) =>
    gatherSamples(
      samples,
      Array.from({ length: count }, (_, i) => samples.startOf(step, first + i)),
      rows,
    ),
  );
}

/** Target tokens of the windows that begin at `starts`. */
export function targetsIn({ answers, context }: Samples, starts: readonly number[]): number {
  if (!answers) return starts.length * context;
  const counts = starts.map((start) =>
    answers.subarray(start + 1, start + context + 1).reduce((sum, one) => sum + one, 0),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** By dp coordinate, the target tokens of its samples of step `step`. */
export function targetsOf(
  samples: Samples,
  step: number,
  cut: Pick<ParallelPlan, 'dp' | 'shares'> & { readonly globalBatch: number },
): readonly number[] {
  let first = 0;
  return replicaShares(cut.globalBatch, cut).map((count) => {
    const starts = Array.from({ length: count }, (_, i) => samples.startOf(step, first + i));
    first += count;
    return targetsIn(samples, starts);
  });
}
