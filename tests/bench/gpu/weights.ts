/** The weights that everyone in a bench starts from. */
import { initialValue } from '../../../src/model/init';
import { wholeModel } from '../../../src/train/state/holding';
import type { Weight } from './peer';
import type { TrainShape } from './shapes';

export function weightsOf({ model }: TrainShape): readonly Weight[] {
  return wholeModel(model).map((param) => {
    const value = initialValue(1, model.layers, param.unitName, param.name);
    return { ...param, values: Float32Array.from({ length: param.floats }, (_, i) => value(i)) };
  });
}
