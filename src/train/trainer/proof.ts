/** The gradients of one step under a plan beside those of one tab alone: by tensor, and the first that parts. Pure. */
import type { ModelConfig } from '../../model/config';
import { wholeModel } from '../state/holding';

export interface TensorProof {
  /** `unit/parameter`, as in the program and the model's code. */
  readonly name: string;
  /** Of the mean gradient. */
  readonly maxAbs: number;
  readonly relativeL2: number;
}

export interface Proof {
  readonly step: number;
  /** In model order. */
  readonly tensors: readonly TensorProof[];
  /** The first tensor above tolerance, '' where all agree. */
  readonly parted: string;
}

/**
 * Relative L2 of one tensor above which two gradients are not the same sum in another order. Reordering n float32
 * additions moves a sum by about sqrt(n) x 6e-8 of its terms: 2e-5 at the 1e5 tokens of a batch. A sample left out or
 * counted twice moves it by a share of the batch, 1e-3 and more.
 */
export const TOLERANCE = 1e-4;
/** A tensor's own size below this share of the whole gradient is noise, so the share is what it is held against. */
const FLOOR = 1e-5;

/** Both by address and summed over the `tokens` of the global batch. */
export function compareGradients(
  config: ModelConfig,
  step: number,
  ofPlan: Float32Array,
  alone: Float32Array,
  tokens: number,
): Proof {
  const whole = norm(alone, 0, alone.length);
  const params = wholeModel(config);
  const tensors = params.map(({ unitName, name, at, floats }) => {
    let [maxAbs, squares] = [0, 0];
    for (let i = at; i < at + floats; i++) {
      const difference = Math.abs(ofPlan[i]! - alone[i]!);
      // why not Math.max: it must not lose a NaN
      if (!(difference <= maxAbs)) maxAbs = difference;
      squares += difference ** 2;
    }
    const size = Math.max(norm(alone, at, at + floats), FLOOR * whole * Math.sqrt(floats / alone.length));
    const relativeL2 = squares === 0 ? 0 : Math.sqrt(squares) / size;
    return { name: `${unitName}/${name}`, maxAbs: maxAbs / tokens, relativeL2 };
  });
  const parted = tensors.find(({ relativeL2 }) => !(relativeL2 <= TOLERANCE))?.name ?? '';
  return { step, tensors, parted };
}

function norm(values: Float32Array, from: number, to: number): number {
  let squares = 0;
  for (let i = from; i < to; i++) squares += values[i]! ** 2;
  return Math.sqrt(squares);
}
