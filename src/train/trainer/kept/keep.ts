/** Hands the state of a rank at a step border to its keeper. */
import type { Mesh } from '../../../plan/mesh';
import type { RankModel } from '../../rank/rankcontract';
import { rankElements } from '../../state/elements';
import type { Version } from '../../state/exchange';
import { type Addresses, NOTHING, sharedOut } from '../../state/reshard';
import { holdingUnder } from '../../state/sync';
import { addressesOf } from '../../state/transfer';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';

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
  const own = has[mesh.rank]!;
  const share = sharedOut(has)[mesh.rank]!;
  const facts = await rank.outerFacts();
  const apart = facts && { ...facts, replica: mesh.coord.dp };
  await keeper.keep({
    step,
    generation,
    run,
    model,
    text: text.bytes,
    cutting,
    held: apart ? { ...own, outer: own.param, apart } : own,
    share: apart ? { ...ofReplica(has, mesh), outer: share.param, apart } : share,
    elements: rankElements(rank, holdingUnder(model, cutting)),
  });
}

/** This rank's share where another replica's parameters and moments are others. */
function ofReplica(has: readonly Addresses[], mesh: Mesh): Addresses {
  const mine = has.map((one, rank) => (mesh.replicaOf(rank) === mesh.coord.dp ? one : NOTHING));
  return sharedOut(mine)[mesh.rank]!;
}
