/**
 * The page of `npm run record`; it has no interface. It hosts the room of its fragment, lets the tabs that joined run
 * the plan of every scene, and hands in the recorded run. Its fragment:
 * `#room=...&tabs=4&steps=3&seconds=240&desk=/record/...`.
 */
import { PlanError, sentenceOf } from '../errors';
import { signalingAddress } from '../net/signaling/signaladdress';
import type { ParallelPlan } from '../plan/plan';
import { SCHEDULES } from '../plan/plan';
import { NO_HANDICAP } from '../worker/watch/telemetry';
import { DEFAULT_PICKS, type Picks, planFor, type Scene } from './lecture/models/choice/plans';
import { LECTURE_CHOICE } from './lecture/show/address';
import { type LiveRoom, openLiveRoom } from './lecture/show/liveroom';
import { Pacing } from './lecture/show/pacing';
import { messages } from './messages';
import { runFileOf } from './state/runchoice';
import type { RunFile } from './tab';

const fragment = new URLSearchParams(location.hash.slice(1));
const secret = fragment.get('room') ?? '';
const tabs = Number(fragment.get('tabs'));
const steps = Number(fragment.get('steps'));
/** No further plan is started after this time. */
const budgetMs = 1000 * Number(fragment.get('seconds'));
const desk = new URL(fragment.get('desk') ?? '', location.href).href;

/** Short, so that software adapters get through all plans; deep enough for every schedule, wide enough for the ring. */
const CHOICE = { ...LECTURE_CHOICE, plan: 'ddp', headSize: 16, context: 16, batch: 16, source: 'moby-dick' } as const;

/** The plans that a lecture shows, each once; plans that many scenes need come first. */
function tour(run: RunFile): ParallelPlan[] {
  const stops: [Scene, Partial<Picks>][] = [
    ['data', {}],
    ['one', {}],
    ['pipeline', {}],
    ['zero', { zero: 3 }],
    ['tensor', {}],
    ['cube', {}],
    ...([1, 2] as const).map((zero): [Scene, Partial<Picks>] => ['zero', { zero }]),
    ...SCHEDULES.map((schedule): [Scene, Partial<Picks>] => ['pipeline', { schedule }]),
    ['data', { overlap: false }],
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
    if (tries > 900) throw new Error(`waited 90 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Run `plan` until whole steps of it are recorded. */
async function visit({ feed, commands, recorder }: LiveRoom, plan: ParallelPlan, isFirst: boolean): Promise<void> {
  const size = plan.dp * plan.pp * plan.tp;
  const before = feed.generation.value;
  if (!isFirst) commands.switchPlan(plan);
  await until('its generation', () => feed.generation.value > before || isFirst);
  await until(`${size} ranks`, () => feed.ranks.value.length === size);
  const from = feed.metrics.value.length;
  await until(`${steps} steps`, () => feed.metrics.value.length >= from + steps);
  await until('a whole step', () => recorder.has(feed.generation.value));
  if (!isFirst) return;
  commands.prove();
  await until('the proof', () => feed.proof.value !== null);
}

async function record(): Promise<Uint8Array<ArrayBuffer>> {
  const signaling = signalingAddress(document.baseURI);
  const options = { secret, signaling, name: 'recorder', signal: true, link: location.href };
  const room = await openLiveRoom(options, messages.news);
  const { feed, commands } = room;
  await until(`${tabs} tabs`, () => room.seats.value >= tabs);
  const pacing = new Pacing(() => NO_HANDICAP, commands.handicap);
  pacing.follow(room.crowded.value);
  const run = runFileOf(CHOICE, '');
  const plans = tour(run);
  commands.start({ ...run, plan: plans[0]! });
  const begun = performance.now();
  for (const [i, plan] of plans.entries()) {
    if (performance.now() - begun > budgetMs) break;
    try {
      await visit(room, plan, i === 0);
    } catch (error) {
      // What was recorded before is kept; the sentence says what is missing.
      await say(`plan ${i + 1}: ${sentenceOf(error)}`);
      if (i === 0) throw error;
      break;
    }
    await say(`${i + 1} of ${plans.length} plans, step ${feed.metrics.value.at(-1)?.step}`);
  }
  commands.pause(true);
  await until('weights of every rank', () => feed.ranks.value.every(({ weights }) => weights !== null));
  return room.recorder.file(async (name) => {
    const response = await fetch(new URL(`./texts/${name}.txt`, location.href));
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  });
}

const say = (sentence: string) => fetch(`${desk}/said`, { method: 'POST', body: sentence });

try {
  const file = await record();
  await fetch(`${desk}/file`, { method: 'POST', body: file });
} catch (error) {
  await fetch(`${desk}/failed`, { method: 'POST', body: sentenceOf(error) });
}
