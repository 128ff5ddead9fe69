/** Chooses the next token: the most probable one, or one drawn from the most probable ones. */

export interface SamplingChoice {
  /** 0: always the most probable token. */
  readonly temperature: number;
  /** Draw from this many of the most probable tokens only; 0 for all. */
  readonly topK: number;
  /** Draw from the smallest set of most probable tokens that together have this probability; 1 for all. */
  readonly topP: number;
}

interface Candidate {
  readonly token: number;
  readonly probability: number;
}

/** The tokens below `size` that `choice` allows, the most probable first, with probabilities that add up to 1. */
export function candidateTokens(logits: Float32Array, size: number, choice: SamplingChoice): readonly Candidate[] {
  const { temperature, topK, topP } = choice;
  const best = argmax(logits, size);
  if (temperature === 0) return [{ token: best, probability: 1 }];
  const highest = logits[best]!;
  const weights = Float64Array.from(logits.subarray(0, size), (value) => Math.exp((value - highest) / temperature));
  const order = Uint32Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]! || a - b);
  const allowed = order.subarray(0, topK === 0 ? size : Math.min(topK, size));
  const total = allowed.reduce((sum, token) => sum + weights[token]!, 0);
  const kept: Candidate[] = [];
  let mass = 0;
  for (const token of allowed) {
    if (kept.length > 0 && mass >= topP) break;
    const probability = weights[token]! / total;
    kept.push({ token, probability });
    mass += probability;
  }
  return kept.map(({ token, probability }) => ({ token, probability: probability / mass }));
}

/** The token with the largest logit; the first one on ties, as in PyTorch's argmax. */
function argmax(logits: Float32Array, size: number): number {
  let best = 0;
  for (let token = 1; token < size; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}

/** The candidate that `uniform` (in [0, 1)) draws. */
export function drawn(from: readonly Candidate[], uniform: number): number {
  let left = uniform;
  for (const { token, probability } of from) {
    left -= probability;
    if (left < 0) return token;
  }
  return from.at(-1)!.token;
}
