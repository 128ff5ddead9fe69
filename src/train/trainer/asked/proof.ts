/**
 * Compares the gradients of a step under a plan with those of one tab alone: by tensor, and which differs first. Pure.
 */
import type { ModelConfig } from '../../../model/config';
import { wholeModel } from '../../state/holding';
import { TOLERANCE } from './tolerance';

interface TensorProof {
  /** `unit/parameter`, as in the program and the model's code. */
  readonly name: string;
  /** Largest absolute difference of the mean gradient. */
  readonly maxAbs: number;
  readonly relativeL2: number;
}

export interface Proof {
  readonly step: number;
  /** In model order. */
  readonly tensors: readonly TensorProof[];
  /** The first tensor above the tolerance; '' if all agree. */
  readonly parted: string;
}

/** A tensor's norm below this share of the whole gradient's is noise: the share then replaces it as the reference. */
const FLOOR = 1e-5;

/** Both gradients are by address and summed over the `tokens` of the global batch. */
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
