/** Gives the model's files to the ranks on which somebody asked for them, at a step border. */
import { type ModelFiles, modelFiles } from '../files/checkpoint';
import { sharedParam } from '../state/apart';
import { type CutState, gatherWeights } from '../state/sync';
import type { Circuit } from '../state/transfer';
import type { Prepared } from './prepared';
import type { FilesRequest } from './requests';

/** All ranks call it with their state; `wanting` are the ranks that ask. Answers `asked` where this rank is one of them. */
export async function giveFiles(
  circuit: Circuit,
  { run, corpus }: Prepared,
  { state, ...version }: CutState,
  wanting: readonly number[],
  asked: readonly FilesRequest[],
  card: () => Promise<Pick<ModelFiles, 'README.md'>>,
): Promise<ModelFiles | null> {
  const mine = { ...version, state: { ...state, param: sharedParam(state) } };
  const weights = await gatherWeights(circuit, run.model, mine, wanting);
  if (!weights) return null;
  const files = { ...modelFiles(run.model, corpus.tokenizer, weights), ...(await card()) };
  for (const request of asked) {
    request.resolve(files);
    request.answered = true;
  }
  return files;
}
