/**
 * The last way out where parts of every state are gone with their ranks: all go back to a state that the browsers of the
 * ranks that are left have kept since the run began there.
 */
import { PartsGone } from '../../../errors';
import type { Group } from '../../../net/collective/group';
import { type Announcement, announce } from '../../state/exchange';
import { type CutState, claimOf } from '../../state/sync';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';
import { type Beginning, beginningOf } from './beginning';

interface Begun {
  readonly mine: Beginning;
  /** The states of this tab, kept ones included. */
  readonly held: readonly CutState[];
  readonly announcements: readonly Announcement[];
  /** True where a kept state takes the place of one that was lost. */
  readonly isKept: boolean;
}

/** As beginningOf. All ranks throw or go back, because they know the same announcements. */
export async function beginOrGoBack(
  setting: GenerationSetting,
  world: Group,
  prepared: Prepared,
  announcements: readonly Announcement[],
  held: readonly CutState[],
): Promise<Begun> {
  try {
    return { mine: await beginningOf(setting, prepared, announcements, held), held, announcements, isKept: false };
  } catch (error) {
    if (!(error instanceof PartsGone)) throw error;
    const { mesh, run } = setting;
    const lostStep = Math.max(...announcements.flatMap((one) => one.held.map(({ step }) => step)));
    const stored = (await setting.kept?.(run, setting.beganMs)) ?? [];
    // why: a later step is one that this run has gone back from before
    const kept = stored.filter(({ step }) => step <= lostStep);
    const said = { ...announcements[mesh.rank]!, held: kept.map(claimOf) };
    const more = await announce(world, said, `${mesh.generation}/0/kept`);
    if (more.every((one) => one.held.length === 0)) throw error;
    const all = announcements.map((one, rank) => ({ ...one, held: [...one.held, ...more[rank]!.held] }));
    const both = [...held, ...kept];
    const mine = await beginningOf(setting, prepared, all, both);
    return { mine, held: both, announcements: all, isKept: true };
  }
}

/**
 * Why a tab that had committed `had` steps continues from `step`; '' where it has not gone back. `copied`: the step of the
 * copy that it took in reserve.
 */
export function setBackWords(had: number, step: number, isKept: boolean, copied: number | undefined): string {
  if (step === copied) return `The tab that trained is gone, and this one goes on from its copy of step ${step}.`;
  if (had <= step) return '';
  return isKept
    ? `A part of step ${had} was only on tabs that are gone, so all go on from step ${step}, which a browser has kept.`
    : `A part of step ${had} was lost with a tab, so all go on from step ${step}.`;
}
