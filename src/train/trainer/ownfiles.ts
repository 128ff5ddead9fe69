/** The files of the model from what a tab holds between generations. */
import { InputError } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import type { ModelFiles } from '../files/checkpoint';
import { sharedParam } from '../state/apart';
import { sizeOf } from '../state/intervals';
import { readRuns } from '../state/state';
import { type CutState, holdingUnder } from '../state/sync';
import { writtenModel } from './give';
import type { Prepared } from './prepared';

/** `held`: newest first. Rejects with InputError if the tab holds no model, or only a part of one. */
export async function ownFiles(
  known: Parameters<typeof writtenModel>[0],
  peers: readonly PeerId[],
  held: readonly CutState[],
  prepared: Prepared | null,
): Promise<ModelFiles> {
  const [mine] = held;
  if (!mine || !prepared) throw new InputError('there is no model yet; start training first');
  const { param } = holdingUnder(prepared.run.model, mine.cutting);
  const first = param.held[0];
  if (param.held.length !== 1 || first?.from !== 0 || sizeOf(param.held) !== prepared.floats) {
    throw new InputError(
      'this tab holds only a part of the model; ask for it while the room trains, or after the end in the tab of rank 0',
    );
  }
  const weights = readRuns(sharedParam(mine.state), param, param.held);
  return writtenModel(known, peers, prepared, mine, weights);
}
