/** What a model is made of: the `model` part of a run file. Its checks are those of the run file (train/runfile.ts). */

/** The model part of a run file. */
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
