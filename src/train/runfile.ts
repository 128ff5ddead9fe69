/** The run file: everything that decides the numbers of a run, as one JSON document (contract: docs/contracts.md). */
import type { ParallelPlan } from '../plan/plan';

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
}

export interface DataConfig {
  /** 'moby-dick' | 'names' | 'file:PATH' | 'tokens:PATH' */
  readonly source: string;
  readonly tokenizer: 'char' | 'byte' | 'bpe';
  readonly order: 'shuffled' | 'sequential';
}

export interface TrainConfig {
  readonly globalBatch: number;
  readonly steps: number;
  readonly lr: number;
  readonly schedule: 'constant' | 'cosine';
  readonly warmupSteps: number;
  readonly minLr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 switches clipping off. */
  readonly gradClip: number;
  readonly seed: number;
  /** Steps between held-out evaluations; 0 switches them off. */
  readonly evalEvery: number;
}

export interface RunFile {
  readonly model: ModelConfig;
  readonly data: DataConfig;
  readonly train: TrainConfig;
  readonly plan: ParallelPlan;
}
