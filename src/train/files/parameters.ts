/** The size of a model. */
import type { ModelConfig } from '../../model/config';
import { wholeModel } from '../state/holding';

/** Number of parameters of a model; a tied head has no table of its own. */
export function parametersOf(config: ModelConfig): number {
  return wholeModel(config).reduce((sum, { floats }) => sum + floats, 0);
}
