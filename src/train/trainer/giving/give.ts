/** Gives the model's files to the ranks on which somebody asked for them, at a step border. */
import { InputError, notLoaded } from '../../../errors';
import type { ModelFiles } from '../../files/checkpoint';
import type { WholeWeights } from '../../files/weights';
import { sharedParam } from '../../state/apart';
import { type CutState, gatherWeights } from '../../state/sync';
import type { Circuit } from '../../state/transfer';
import type { FilesRequest } from '../asked/requests';
import type { Prepared } from '../given/prepared';
import type { asFiles } from './asfiles';

/**
 * All ranks call it with their state; `wanting` are the ranks that ask. Answers `asked` where this rank is one of them:
 * an InputError of `write` is for those who asked, and the ranks go on.
 */
export async function giveFiles(
  circuit: Circuit,
  { run }: Prepared,
  { state, ...version }: CutState,
  wanting: readonly number[],
  asked: readonly FilesRequest[],
  write: (weights: WholeWeights) => Promise<ModelFiles>,
): Promise<ModelFiles | null> {
  const mine = { ...version, state: { ...state, param: sharedParam(state) } };
  const weights = await gatherWeights(circuit, run.model, mine, wanting);
  if (!weights) return null;
  try {
    const files = await write(weights);
    for (const { resolve } of asked) resolve(files);
    return files;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    for (const { reject } of asked) reject(error);
    return null;
  } finally {
    for (const request of asked) request.answered = true;
  }
}

/** As asFiles, which is loaded only now: every tab loads this file before its first step. Rejects with InputError. */
export async function writtenModel(...of: Parameters<typeof asFiles>): Promise<ModelFiles> {
  const code = await import('./asfiles').catch((error: unknown) => {
    throw new InputError(notLoaded('what writes the model', error));
  });
  return code.asFiles(...of);
}
