/** The interface of everything that the bench measures: ours and other libraries (peers). */
import type { WholeParam } from '../../../src/train/state/holding';
import type { Batch, LinearShape, Product, TrainShape } from './shapes';

/** A parameter with its first values, the same for every peer. */
export interface Weight extends WholeParam {
  readonly values: Float32Array<ArrayBuffer>;
}

/** A GPT that is trained. */
export interface Trainer {
  readonly device: GPUDevice;
  /** One step with AdamW; resolves to the mean loss before it, read on the host. */
  step(batch: Batch, step: number): Promise<number>;
  close(): void;
}

/** One matrix product of operands that are on the device already. */
export interface Multiplier {
  readonly device: GPUDevice;
  /** Requests the product `times` times and waits until all are done. */
  run(times: number): Promise<void>;
  /** The computed result, to check that it is the product. */
  result(): Promise<Float32Array>;
  close(): void;
}

export interface Peer {
  readonly name: string;
  /** Absent: this peer does not train. */
  trainer?(shape: TrainShape, weights: readonly Weight[]): Promise<Trainer>;
  multiplier(shape: LinearShape, product: Product): Promise<Multiplier>;
}
