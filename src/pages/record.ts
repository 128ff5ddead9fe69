/**
 * The page of `npm run record`: no interface. Hosts the room of its fragment, lets the tabs that joined run the plan of
 * every scene, and hands the recorded run in. Its fragment: `#room=...&tabs=4&steps=3&desk=/record/...`.
 */
import { PlanError } from '../errors';
import type { ParallelPlan } from '../plan/plan';
import { SCHEDULES } from '../plan/plan';
import { LECTURE_CHOICE } from './lecture/address';
import { openLiveRoom } from './lecture/liveroom';
import { DEFAULT_PICKS, type Picks, planFor, type Scene } from './lecture/models/plans';
import { messages } from './messages';
import { runFileOf } from './state/runchoice';
import type { RunFile } from './tab';

const fragment = new URLSearchParams(location.hash.slice(1));
const secret = fragment.get('room') ?? '';
const tabs = Number(fragment.get('tabs'));
const steps = Number(fragment.get('steps'));
const desk = new URL(fragment.get('desk') ?? '', location.href).href;

/** What a lecture shows, scene by scene, each plan once. */
function tour(run: RunFile): ParallelPlan[] {
  const stops: [Scene, Partial<Picks>][] = [
    ['one', {}],
    ['data', {}],
    ['data', { overlap: false }],
    ...([1, 2, 3] as const).map((zero): [Scene, Partial<Picks>] => ['zero', { zero }]),
    ...SCHEDULES.map((schedule): [Scene, Partial<Picks>] => ['pipeline', { schedule }]),
    ['tensor', {}],
    ['cube', {}],
  ];
  const plans = stops.flatMap(([scene, picks]) => {
    try {
      return planFor(scene, tabs, run, { ...DEFAULT_PICKS, ...picks }) ?? [];
    } catch (error) {
      if (error instanceof PlanError) return [];
      throw error;
    }
  });
  return [...new Map(plans.map((plan) => [JSON.stringify(plan), plan])).values()];
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 6000) throw new Error(`waited ten minutes for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function record(): Promise<Uint8Array<ArrayBuffer>> {
  const signaling = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/signal`;
  const options = { secret, signaling, name: 'recorder', signal: true, link: location.href };
  const room = await openLiveRoom(options, messages.news);
  const { feed, commands } = room;
  await until(`${tabs} tabs`, () => room.seats.value >= tabs);
  const { source, ...choice } = LECTURE_CHOICE;
  const run = runFileOf({ ...choice, source: source === 'own' ? 'moby-dick' : source }, '');
  const plans = tour(run);
  commands.start({ ...run, plan: plans[0]! });
  const { recorder } = room;
  for (const [i, plan] of plans.entries()) {
    const size = plan.dp * plan.pp * plan.tp;
    const before = feed.generation.value;
    if (i > 0 || size === 1) commands.switchPlan(plan);
    await until(`a generation of plan ${i}`, () => feed.generation.value > before || i === 0);
    await until(`${size} ranks`, () => feed.ranks.value.length === size);
    const from = feed.metrics.value.length;
    await until(`${steps} steps of plan ${i}`, () => feed.metrics.value.length >= from + steps);
    const generation = feed.generation.value;
    await until(`a whole step of plan ${i}`, () => recorder.has(generation));
    if (i === plans.length - 1) {
      commands.prove();
      await until('the proof', () => feed.proof.value !== null);
    }
    await say(`${i + 1} of ${plans.length} plans, step ${feed.metrics.value.at(-1)?.step}`);
  }
  commands.pause(true);
  await until('weights of every rank', () => feed.ranks.value.every(({ weights }) => weights !== null));
  return recorder.file(async (name) => {
    const response = await fetch(new URL(`./texts/${name}.txt`, location.href));
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  });
}

const say = (sentence: string) => fetch(`${desk}/said`, { method: 'POST', body: sentence });

try {
  const file = await record();
  await fetch(`${desk}/file`, { method: 'POST', body: file });
} catch (error) {
  await fetch(`${desk}/failed`, { method: 'POST', body: error instanceof Error ? error.message : String(error) });
}
