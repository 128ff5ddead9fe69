/** Why an answer to a question of the room is right. Loaded with the answers, at the reveal. */
import { QUESTIONS } from './questions';

/** `name figure` for each option of a question. */
const listed = (options: readonly string[], figures: readonly (string | number)[], unit = ''): string =>
  options.map((option, at) => `${option} ${figures[at]}${unit}`).join(', ');

export const because = {
  memory: (parts: readonly string[], total: string) =>
    `${listed(QUESTIONS.memory.options, parts)}; ${total} in all, with staging. Adam keeps two numbers for each parameter, and every layer keeps its outputs until its backward.`,
  sends: (tabs: number, sent: string) => ` In this room each of ${tabs} tabs sends ${sent} a step.`,
  eight: (four: string, eight: string, here: string) =>
    `A ring sends 2 (N-1)/N of the array: ${four} on 4 tabs, ${eight} on 8, never twice the array.${here}`,
  overlap: (sent: string, on: string, off: string) =>
    `Each tab sends ${sent} a step either way. It waits ${on} for gradients when they leave during the backward, ${off} when they leave after it.`,
  shards: (tabs: number, held: string) =>
    `Parameters, gradients and moments are all cut: 16/N. On ${tabs} tabs the fullest keeps ${held} bytes for each parameter of the model.`,
  traffic: (first: string, third: string) =>
    `${first} under ZeRO-1, ${third} under ZeRO-3: parameters are gathered for the forward and again for the backward, gradients are scattered. 3 X instead of 2 X.`,
  bubbles: (seen: readonly string[]) => ` The step shows ${seen.join(' and ')}.`,
  depth: (microbatches: readonly number[], few: string, many: string, seen: string) =>
    `Fill and drain last as long as before, the work between is longer: (P-1)/(M+P-1) is ${few} for M = ${microbatches[0]} and ${many} for M = ${microbatches[1]}.${seen}`,
  keeps: (gpipe: string, other: string) =>
    `The fullest tab keeps ${gpipe} under GPipe and ${other} under 1F1B. GPipe keeps the activations of all microbatches, 1F1B only of those that are ahead of their backward. Bubble, bytes and gradients are the same.`,
  far: (steps: readonly string[]) =>
    `A step takes: ${listed(QUESTIONS.far.options, steps)}. GPipe waits for a message only while the pipeline fills and drains; the others wait in turns when a round trip is longer than a pass forward and back.`,
  sums: (forward: number, backward: number) =>
    `${forward} forward and ${backward} backward: attention and MLP each cut their first matrix by columns and the second by rows, so each needs one sum on the way up and one on the way down.`,
  axis: (messages: readonly number[]) =>
    `Messages of the busiest tab in a step: ${listed(QUESTIONS.axis.options, messages)}. Every block needs four sums a microbatch, and nobody can go on before. So the tensor axis wants the fastest links.`,
  fastest: (rates: readonly string[]) =>
    `${listed(QUESTIONS.fastest.options, rates, ' tokens/s')}. A small model fits on every tab, so what counts is how long tabs wait for each other.`,
  rounding: (worst: string) =>
    `The worst tensor differs by ${worst} of its length. It is the same sum in another order, and float32 rounds each addition.`,
} as const;
