/** The files of the model from what a tab holds between generations. */
import { InputError } from '../../../errors';
import type { PeerId } from '../../../plan/mesh';
import type { ModelFiles } from '../../files/checkpoint';
import type { WholeWeights } from '../../files/weights';
import { sharedParam } from '../../state/apart';
import { sizeOf } from '../../state/intervals';
import { readRuns } from '../../state/state';
import { type CutState, holdingUnder } from '../../state/sync';
import type { Prepared } from '../given/prepared';
import { writtenModel } from './give';

/**
 * `held`: newest first. `others` gives every parameter by address where the other ranks can. Rejects with InputError if the
 * tab holds no model, or only a part of one and cannot get the rest.
 */
export async function ownFiles(
  known: Parameters<typeof writtenModel>[0],
  peers: readonly PeerId[],
  held: readonly CutState[],
  prepared: Prepared | null,
  others?: () => Promise<WholeWeights>,
): Promise<ModelFiles> {
  const [mine] = held;
  if (!mine || !prepared) throw new InputError('there is no model yet; start training first');
  const { param } = holdingUnder(prepared.run.model, mine.cutting);
  const first = param.held[0];
  const isWhole = param.held.length === 1 && first?.from === 0 && sizeOf(param.held) === prepared.floats;
  if (!isWhole && !others) {
    throw new InputError(
      'this tab holds only a part of the model; ask for it while the room trains, or after the end in the tab that the list of people calls rank 0, or in one in which the chat was open at the end',
    );
  }
  const weights = isWhole ? readRuns(sharedParam(mine.state), param, param.held) : await others!();
  return writtenModel(known, peers, prepared, mine, weights);
}
