/** What a tab tells the other ranks about itself when a generation begins, and what they tell it. */
import type { Group } from '../../net/collective/group';
import { sha256 } from '../hash';
import { type Announcement, announce } from '../state/exchange';
import { type CutState, claimOf, SINGLE } from '../state/sync';
import type { GenerationSetting } from './given/setting';

/** By rank, what each rank announces. `held` are this tab's states; `weights` the file it starts from, if it has none. */
export async function meet(
  { run, mesh, text, machine }: GenerationSetting,
  world: Group,
  held: readonly CutState[],
  weights: Uint8Array | undefined,
): Promise<readonly Announcement[]> {
  const file = { step: 0, generation: mesh.generation, cutting: SINGLE };
  const announced = {
    held: weights ? [file] : held.map(claimOf),
    init: weights ? await sha256(weights) : '',
    text: await text.describe(run.data.source),
    machine: machine?.(),
  };
  return announce(world, announced, `${mesh.generation}/0/announce`);
}
