/** Hands the state of a rank at a step border to its keeper. */
import type { RankModel } from '../rank/rankcontract';
import { rankElements } from '../state/elements';
import type { Version } from '../state/exchange';
import { sharedOut } from '../state/reshard';
import { holdingUnder } from '../state/sync';
import { addressesOf } from '../state/transfer';
import type { Prepared } from './prepared';
import type { GenerationSetting } from './setting';

/** All ranks keep the same step, so their parts make a complete state. Rejects as Keeper.keep does. */
export async function keepState(
  { plan, mesh, keeper, run, text }: GenerationSetting,
  { run: { model } }: Prepared,
  { step, generation }: Version,
  rank: RankModel,
): Promise<void> {
  if (!keeper) return;
  const cutting = { plan, rank: mesh.rank };
  const has = mesh.peers.map((_, holder) => addressesOf(holdingUnder(model, { plan, rank: holder })));
  await keeper.keep({
    step,
    generation,
    run,
    model,
    text: text.bytes,
    cutting,
    held: has[mesh.rank]!,
    share: sharedOut(has)[mesh.rank]!,
    elements: rankElements(rank, holdingUnder(model, cutting)),
  });
}
