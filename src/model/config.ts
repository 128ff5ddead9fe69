/** The configuration of a model: the `model` part of a run file. train/runfile.ts checks it. */
import type { Activation } from '../gpu/kernels';
import type { RopeScaling } from '../gpu/kernels.llama';

export type { RopeScaling };

/** Only adapters are trained (lora.ts). */
export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  /** Ends of Hugging Face's names of linears, as PEFT's `target_modules`. */
  readonly targets: readonly string[];
}

/** Options that are left out have the default of docs/contracts.md. */
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
  /** Epsilon of the norms; default 1e-5. */
  readonly normEps?: number;
  /** gpt2 only; default gelu-tanh. */
  readonly activation?: Activation;
  /** llama only; default dim / heads. */
  readonly headSize?: number;
  /** llama only: q, k and v have biases, as in Qwen2; default false. */
  readonly qkvBias?: boolean;
  /** llama only; default none. */
  readonly ropeScaling?: RopeScaling;
  /** Set from train.lora of the run file. */
  readonly lora?: LoraConfig;
}

/** Width of an attention head. */
export function headSizeOf({ headSize, dim, heads }: Pick<ModelConfig, 'headSize' | 'dim' | 'heads'>): number {
  return headSize ?? dim / heads;
}

export function normEpsOf({ normEps }: ModelConfig): number {
  return normEps ?? 1e-5;
}
