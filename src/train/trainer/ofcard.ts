/** The model card of the files that a page gives away, from what the trainer knows at that step border. */
import type { PeerId } from '../../plan/mesh';
import { modelCard } from '../files/card';
import type { CutState } from '../state/sync';
import type { Prepared } from './prepared';
import type { Reporter } from './report';
import type { TrainerDeps } from './setting';
import type { TextSource } from './text';

/** Where a card's facts come from. */
interface Known extends Pick<TrainerDeps, 'adaptersOf'> {
  readonly text: TextSource;
  readonly reporter: Reporter;
}

/** README.md of a state that `peers` trained; absent where nobody knows their adapters. */
export async function cardOf(
  { text, reporter, adaptersOf }: Known,
  peers: readonly PeerId[],
  { run, floats }: Prepared,
  { step, cutting: { plan } }: Pick<CutState, 'step' | 'cutting'>,
): Promise<{ readonly 'README.md'?: string }> {
  if (!adaptersOf) return {};
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
  });
  return { 'README.md': card };
}
