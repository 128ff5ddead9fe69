/**
 * What the bench measures: two GPTs, and the matrix products of their linears. Also the seeded text that all peers
 * train on.
 */
import type { ModelConfig } from '../../../src/model/config';
import { walk } from '../../../src/worker/chip/steps';

export interface TrainShape {
  readonly name: string;
  readonly model: ModelConfig;
  readonly batch: number;
  /** The other libraries' one-hot rows of its vocabulary fit no device. */
  readonly isOursAlone?: boolean;
}

function gpt(layers: number, dim: number, heads: number, context: number, vocab = 65): ModelConfig {
  const rest = { kvHeads: heads, hidden: 4 * dim, tieEmbeddings: false, ropeTheta: 10000 };
  return { arch: 'gpt2', layers, heads, dim, context, vocab, ...rest };
}

export const TRAIN_SHAPES: readonly TrainShape[] = [
  { name: 'tiny', model: gpt(2, 64, 4, 64), batch: 8 },
  { name: 'small', model: gpt(4, 128, 4, 128), batch: 4 },
];

/** What `npm run gpu-day` trains in Chromium, smallest first: both GPTs, and the larger ones of its part in Node. */
export const DAY_SHAPES: readonly TrainShape[] = [
  ...TRAIN_SHAPES,
  { name: '10.7 M', model: gpt(6, 384, 6, 256), batch: 64 },
  { name: '124 M', model: { ...gpt(12, 768, 12, 1024, 50_257), tieEmbeddings: true }, batch: 8, isOursAlone: true },
];

/** AdamW's numbers, the same for everyone; no clipping, because not all peers have it. */
export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 } as const;

/** One linear: y[R,N] = x[R,K] w[K,N]. */
export interface LinearShape {
  readonly name: string;
  readonly R: number;
  readonly N: number;
  readonly K: number;
}

/** forward x w; dW = x^T dy; dX = dy w^T. */
export const PRODUCTS = ['forward', 'dW', 'dX'] as const;
export type Product = (typeof PRODUCTS)[number];

/** The linears of both GPTs. The square one of tiny is left out, because small has one. */
export const LINEAR_SHAPES: readonly LinearShape[] = TRAIN_SHAPES.flatMap(({ name, model, batch }) => {
  const [R, C] = [batch * model.context, model.dim];
  return [
    { name: `${name} qkv`, R, N: 3 * C, K: C },
    ...(name === 'small' ? [{ name: `${name} proj`, R, N: C, K: C }] : []),
    { name: `${name} mlp up`, R, N: 4 * C, K: C },
    { name: `${name} mlp down`, R, N: C, K: 4 * C },
    { name: `${name} head`, R, N: model.vocab, K: C },
  ];
});

/** The product as out[M,N] = op(a) op(b), with TA or TB if an operand is stored transposed. */
export function productOf({ R, N, K }: LinearShape, product: Product) {
  if (product === 'forward') return { M: R, N, K, TA: 0, TB: 0, aShape: [R, K], bShape: [K, N] } as const;
  if (product === 'dW') return { M: K, N, K: R, TA: 1, TB: 0, aShape: [R, K], bShape: [R, N] } as const;
  return { M: R, N: K, K: N, TA: 0, TB: 1, aShape: [R, N], bShape: [K, N] } as const;
}

/** Lengths at which attention is measured, with the heads of small and one sequence. */
export const ATTENTION_LENGTHS = [256, 512, 1024] as const;

export interface Batch {
  readonly tokens: Uint32Array<ArrayBuffer>;
  readonly targets: Uint32Array<ArrayBuffer>;
}

export const batchAt = ({ model, batch }: TrainShape, step: number): Batch => walk(model, batch, step);
