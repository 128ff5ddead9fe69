/** The state that a rank begins a generation with: from the peers, from a kept state, or from the seed. */
import { InputError } from '../../../errors';
import { outerAt } from '../../../plan/outer';
import type { RankModel } from '../../rank/rankcontract';
import { isApart, syncApart } from '../../state/apart';
import { fill, OUTER_KINDS, STATE_KINDS, seedElements, stateFrom } from '../../state/elements';
import type { Announcement } from '../../state/exchange';
import type { RankState } from '../../state/state';
import { type CutState, holdingUnder, type Start, syncState } from '../../state/sync';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';

const MODEL_GONE =
  'the model that this run starts from was only on a tab that is gone: begin the run again where its files are';

export interface Beginning extends Start {
  /** Write the state into a rank. All ranks of the generation must call it. */
  write(rank: RankModel): Promise<void>;
}

/** All ranks call it with the same announcements; `held` are this tab's states. Throws InputError as syncState does. */
export async function beginningOf(
  setting: GenerationSetting,
  { run: { model, data, train } }: Prepared,
  announcements: readonly Announcement[],
  held: readonly CutState[],
): Promise<Beginning> {
  const { plan, mesh, resumption, outlet } = setting;
  const cutting = { plan, rank: mesh.rank };
  const holding = holdingUnder(model, cutting);
  if (resumption && announcements.every((one) => one.held.length === 0)) {
    const write = async (rank: RankModel) => {
      const { shared, replicas } = await resumption.open(model);
      const isApart = plan.outer && !outerAt(plan.outer, resumption.step, Number.POSITIVE_INFINITY).exact;
      const mine = isApart ? replicas.get(mesh.coord.dp) : undefined;
      if (isApart && replicas.size > 0) {
        const first = [...replicas.values()][0]!.facts;
        rank.goApart(mine?.facts ?? { samples: [], made: first.made, since: resumption.step });
        await fill(rank, holding, OUTER_KINDS, shared);
      }
      // why not the moments: as in apart.ts, a new replica begins with zeros
      if (isApart && replicas.size > 0 && !mine) await fill(rank, holding, ['param'], shared);
      else await fill(rank, holding, STATE_KINDS, mine?.elements ?? shared);
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
  // why: with the tokenizer of a model, random weights would be trained as if they were that model
  if (data.tokenizer === 'brought') throw new InputError(MODEL_GONE);
  // why a state on the host: a rank that still has the seed's state may begin again from it (sync.ts)
  if (outlet === undefined) return whole(await stateFrom(seed, holding));
  const write = async (rank: RankModel) => {
    // why not the moments: a rank begins with zeros
    await fill(rank, holding, ['param'], seed);
    await rank.written();
  };
  return { ...start, write };
}
