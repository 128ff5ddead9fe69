/** The state that a rank begins a generation with: from the peers, from a kept state, or from the seed. */
import type { RankModel } from '../rank/rankcontract';
import { isApart, syncApart } from '../state/apart';
import { fill, STATE_KINDS, seedElements, stateFrom } from '../state/elements';
import type { Announcement } from '../state/exchange';
import type { RankState } from '../state/state';
import { type CutState, holdingUnder, type Start, syncState } from '../state/sync';
import type { Prepared } from './prepared';
import type { GenerationSetting } from './setting';

interface Beginning extends Start {
  /** Write the state into a rank. All ranks of the generation must call it. */
  write(rank: RankModel): Promise<void>;
}

/** All ranks call it with the same announcements; `held` are this tab's states. Throws InputError as syncState does. */
export async function beginningOf(
  setting: GenerationSetting,
  { run: { model, train } }: Prepared,
  announcements: readonly Announcement[],
  held: readonly CutState[],
): Promise<Beginning> {
  const { plan, mesh, resumption, outlet } = setting;
  const cutting = { plan, rank: mesh.rank };
  const holding = holdingUnder(model, cutting);
  if (resumption && announcements.every((one) => one.held.length === 0)) {
    const write = async (rank: RankModel) => {
      await fill(rank, holding, STATE_KINDS, await resumption.open(model));
      await rank.written();
    };
    return { step: resumption.step, generation: mesh.generation, cutting, state: null, write };
  }
  if (isApart(model, plan, announcements)) {
    const mine = await syncApart(setting, model, plan, announcements, held);
    return { ...mine, write: (rank) => rank.write(mine.state) };
  }
  const seed = seedElements(model, train.seed);
  const start = await syncState(setting, model, plan, announcements, held);
  const whole = (state: RankState) => ({ ...start, state, write: (rank: RankModel) => rank.write(state) });
  if (start.state) return whole(start.state);
  // why a state on the host: a rank that still has the seed's state may begin again from it (sync.ts)
  if (outlet === undefined) return whole(await stateFrom(seed, holding));
  const write = async (rank: RankModel) => {
    // why not the moments: a rank begins with zeros
    await fill(rank, holding, ['param'], seed);
    await rank.written();
  };
  return { ...start, write };
}
