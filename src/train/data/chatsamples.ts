/** The samples of a run over chats. Conversations are packed: a sample begins with one, and others follow while they fit. */
import { InputError } from '../../errors';
import { MAX_HELD_OUT, type SampleOrder, type Samples, spread } from './data';
import { uniformAt } from './random';
import type { Tokens } from './tokens';

export interface Chats {
  /** By token, 1 if it is a target. */
  readonly answers: Uint8Array;
  /** First token of every conversation, ascending. */
  readonly begins: readonly number[];
}

/**
 * Conversations that begin before `border` are trained on, the others held out. Every sample has a target. Shuffled: samples
 * are drawn from (seed, step, sample). Sequential: they follow one another, and begin again after the last one. Throws
 * InputError where nothing that is trained on is an answer.
 */
export function chatSamples(
  tokens: Tokens,
  border: number,
  { answers, begins }: Chats,
  { order, seed, context, globalBatch }: SampleOrder,
): Samples {
  // why room behind both parts: a sample at their end must not reach into other conversations
  const room = tokens.length + 2 * context;
  const text = tokens instanceof Uint16Array ? new Uint16Array(room) : new Uint32Array(room);
  const marks = new Uint8Array(room);
  for (const [all, part] of [
    [text, tokens],
    [marks, answers],
  ] as const) {
    all.set(part.subarray(0, border));
    all.set(part.subarray(border), border + context);
  }
  const later = begins.filter((at) => at >= border).map((at) => at + context);
  const trained = packed(
    begins.filter((at) => at < border),
    border,
    marks,
    context,
  );
  const heldOut = packed(later, tokens.length + context, marks, context);
  if (trained.length === 0) {
    throw new InputError(
      'no message of the chats that are trained on is an answer of the assistant; give chats with answers',
    );
  }
  return {
    startOf: (step, sample) =>
      order === 'shuffled'
        ? trained[Math.floor(uniformAt(seed, step, sample) * trained.length)]!
        : trained[(step * globalBatch + sample) % trained.length]!,
    trained: border,
    heldOut: spread(heldOut.length, MAX_HELD_OUT).map((i) => heldOut[i]!),
    tokens: text,
    answers: marks,
    context,
  };
}

/**
 * First tokens of the samples over conversations that begin at `begins`, the last one ending at `end`. A conversation that
 * is cut off by the end of a sample begins the next one; one that is longer than a sample goes on in the next.
 */
function packed(begins: readonly number[], end: number, answers: Uint8Array, context: number): readonly number[] {
  const samples: number[] = [];
  let next = 0;
  for (let at = begins[0] ?? end; at < end; ) {
    // why 1: the first token of a sample is no target
    if (answers.subarray(at + 1, at + context + 1).includes(1)) samples.push(at);
    while (next < begins.length && (begins[next + 1] ?? end) <= at + context + 1) next++;
    const begin = begins[next] ?? end;
    at = begin > at ? begin : at + context;
  }
  return samples;
}
