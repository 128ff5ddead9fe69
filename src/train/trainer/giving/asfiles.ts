/** The files of a model that a page gives away, with a card of what the trainer knows at that step border. */
import type { PeerId } from '../../../plan/mesh';
import { modelCard } from '../../files/card';
import { type ModelFiles, modelFiles } from '../../files/checkpoint';
import { checkedTokens } from '../../files/llamacpp';
import type { WholeWeights } from '../../files/weights';
import { sha256 } from '../../hash';
import type { CutState } from '../../state/sync';
import type { Prepared } from '../given/prepared';
import type { Reporter } from '../given/report';
import type { TrainerDeps } from '../given/setting';
import type { TextSource } from '../given/text';

/** Where a card's facts come from. */
interface Known extends Pick<TrainerDeps, 'adaptersOf'> {
  readonly text: TextSource;
  readonly reporter: Reporter;
}

/** The files of a state that `peers` trained. There is no card where nobody knows their adapters. */
export async function asFiles(
  { text, reporter, adaptersOf }: Known,
  peers: readonly PeerId[],
  { run, corpus, floats }: Prepared,
  { step, cutting: { plan } }: Pick<CutState, 'step' | 'cutting'>,
  weights: WholeWeights,
): Promise<ModelFiles> {
  const files = modelFiles(run.model, corpus.tokenizer, weights);
  if (!adaptersOf) return files;
  const { losses } = reporter;
  const card = modelCard({
    run: { ...run, plan },
    step,
    parameters: floats,
    adapters: adaptersOf(peers),
    // a state of an earlier step has lost its metrics
    loss: losses.step === step - 1 ? losses.loss : undefined,
    heldOutLoss: losses.heldOutLoss,
    // why not with a brought tokenizer: the source then holds tokens and tokenizer together
    dataHash: run.data.tokenizer === 'brought' ? '' : (await text.describe(run.data.source)).hash,
    tokensHash: await sha256(new TextEncoder().encode(checkedTokens(corpus.tokenizer))),
  });
  return { ...files, 'README.md': card };
}
