import { expect, test } from 'vitest';
import { candidateTokens, drawn } from '../../../src/train/chat/choice';

const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3, 9].map(Math.log));
const tokens = (choice: Partial<Parameters<typeof candidateTokens>[2]>) =>
  candidateTokens(logits, 4, { temperature: 1, topK: 0, topP: 1, ...choice }).map(({ token }) => token);

test('the most probable first, tokens beyond the size left out', () => {
  expect(tokens({})).toEqual([1, 3, 2, 0]);
  const all = candidateTokens(logits, 4, { temperature: 1, topK: 0, topP: 1 });
  for (const [i, due] of [0.4, 0.3, 0.2, 0.1].entries()) expect(all[i]!.probability).toBeCloseTo(due, 6);
});

test('temperature 0 takes the first of the largest', () => {
  expect(candidateTokens(Float32Array.of(1, 3, 3), 3, { temperature: 0, topK: 0, topP: 1 })).toEqual([
    { token: 1, probability: 1 },
  ]);
});

test('top-k and top-p keep the fewest that are asked for, and what is kept adds up to 1', () => {
  expect(tokens({ topK: 2 })).toEqual([1, 3]);
  expect(tokens({ topP: 0.69 })).toEqual([1, 3]);
  expect(tokens({ topP: 0.71 })).toEqual([1, 3, 2]);
  expect(tokens({ topP: 0.01 })).toEqual([1]);
  const kept = candidateTokens(logits, 4, { temperature: 0.5, topK: 3, topP: 0.9 });
  expect(kept.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
});

test('drawn by a uniform number', () => {
  const all = candidateTokens(logits, 4, { temperature: 1, topK: 0, topP: 1 });
  expect([0, 0.39, 0.41, 0.69, 0.71, 0.95, 0.9999999].map((uniform) => drawn(all, uniform))).toEqual([
    1, 1, 3, 3, 2, 0, 0,
  ]);
});
