/** What a model is made of: the `model` part of a run file. Its checks are those of the run file (train/runfile.ts). */
import type { Activation } from '../gpu/kernels';
import type { RopeScaling } from '../gpu/kernels.llama';

export type { Activation, RopeScaling };

/** Options that are left out have the value of docs/contracts.md. */
export interface ModelConfig {
  readonly arch: 'gpt2' | 'llama';
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly hidden: number;
  readonly context: number;
  readonly vocab: number;
  readonly tieEmbeddings: boolean;
  readonly ropeTheta: number;
  /** Epsilon of the norms; 1e-5. */
  readonly normEps?: number;
  /** Of gpt2; gelu-tanh. */
  readonly activation?: Activation;
  /** Of llama; dim / heads. */
  readonly headSize?: number;
  /** Of llama: q, k and v have biases, as in Qwen2; false. */
  readonly qkvBias?: boolean;
  /** Of llama; none. */
  readonly ropeScaling?: RopeScaling;
}

/** Width of an attention head. */
export function headSizeOf({ headSize, dim, heads }: Pick<ModelConfig, 'headSize' | 'dim' | 'heads'>): number {
  return headSize ?? dim / heads;
}

export function normEpsOf({ normEps }: ModelConfig): number {
  return normEps ?? 1e-5;
}
