/**
 * `npm run test:campaign`: a room of four tabs in real browsers, in which tabs are killed, stopped and lose their devices,
 * and guests without links come; README.md. Times are printed, never asserted.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { start, Venue } from '../helpers/visitor';
import { FAULTS, KINDS, type Kind } from './faults';
import { disorder, longestPause, readRecord, record, unequal } from './recorder';
import { CampaignRoom, commits, RUN, sleep } from './room';
import { type Round, tableOf } from './table';

const WANTED = new Map(
  (process.env.TABTRAIN_CAMPAIGN ?? '').split(' ').map((part) => part.split('=') as [string, string]),
);
const LOG = process.env.TABTRAIN_CAMPAIGN_LOG;
/** Its own return, from the end of the fault on. */
const MOST_BACK_MS = 60_000;

const rounds: Round[] = [];
const ends: (() => Promise<void>)[] = [];
let room: CampaignRoom;
let venue: Venue;

beforeAll(async () => {
  room = await CampaignRoom.open((end) => ends.unshift(end));
  venue = await Venue.open();
});

const known = () =>
  LOG && existsSync(LOG)
    ? readFileSync(LOG, 'utf8')
        .trim()
        .split('\n')
        .map((line): Round => JSON.parse(line))
    : rounds;

function note(round: Round): void {
  rounds.push(round);
  if (LOG) appendFileSync(LOG, `${JSON.stringify(round)}\n`);
}

afterAll(async () => {
  console.info(tableOf(known()));
  await venue?.close();
  for (const end of ends) await end();
});

async function oneRound(kind: Kind, round: number): Promise<Round> {
  const fault = FAULTS[kind];
  // why a new browser: one whose graphics process has died several times stops offering a device
  if (kind === 'devices') {
    await venue.close();
    venue = await Venue.open();
  }
  const closing: (() => Promise<void>)[] = [];
  try {
    const prepare = fault.prepare;
    const page = await room.welcome(
      venue,
      (end) => closing.unshift(end),
      fault.joins,
      prepare && ((visitor) => prepare(visitor, round)),
    );
    const quietFrom = Date.now();
    await sleep(4_000);
    const begunAt = Date.now();
    await fault.happen({ venue, page, round });
    const endedAt = Date.now();
    const isBack = fault.returns && (await commits(page, 1, MOST_BACK_MS));
    const backMs = isBack ? await backAfter(page, endedAt) : null;
    await sleep(Math.max(0, endedAt + fault.watchMs - Date.now()));
    const until = Date.now();
    const steady = await room.records();
    const pausesMs = steady.map(({ steps }) => longestPause(steps, begunAt, until));
    const own = fault.returns ? [await readRecord(page)] : [];
    const quietMs = Math.max(...steady.map(({ steps }) => longestPause(steps, quietFrom, begunAt)));
    const stepsLost = steady.reduce((sum, one) => sum + disorder(one), 0);
    const isLate = pausesMs.some((ms) => ms > Math.max(fault.limitMs, 1_500)) || (fault.returns && backMs === null);
    for (const [at, { phases }] of isLate ? [...steady, ...own].entries() : []) {
      const seen = phases.filter((one) => one.at > begunAt - 1_000);
      const told = seen.map((one) => `${seconds(one.at - begunAt)} ${one.phase} (${one.members}) ${one.sentence}`);
      console.info(`page ${at}, still for ${seconds(pausesMs[at] ?? 0)}: ${told.join('; ')}`);
    }
    const stops = steady.flatMap(({ phases }) => phases.filter((one) => one.at > begunAt && one.phase === 'waiting'));
    return { kind, pausesMs, quietMs, backMs, stops: stops.length, stepsLost, unequal: unequal([...steady, ...own]) };
  } finally {
    for (const end of closing) await end();
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

async function backAfter(page: Page, endedAt: number): Promise<number> {
  const { steps } = await readRecord(page);
  return steps.find(({ at }) => at > endedAt)!.at - endedAt;
}

test.each(KINDS.filter((kind) => Number(WANTED.get(kind)) > 0))('%s', { timeout: 7_200_000 }, async (kind) => {
  for (let n = 0; n < Number(WANTED.get(kind)); n++) {
    const round = await oneRound(kind, n);
    note(round);
    console.info(`${kind} ${n + 1}: ${JSON.stringify(round)}`);
    // the fourth tab is gone for the others before the next round
    await commits(room.steady[0]!, 3, 30_000);
    expect(round).toMatchObject({ stepsLost: 0, unequal: [] });
  }
});

test('the losses are those of an undisturbed tab', { timeout: 7_200_000 }, async () => {
  const { steps } = await readRecord(room.steady[0]!);
  for (const page of room.steady) await page.close();
  const visitor = await venue.visit((end) => ends.unshift(end));
  await record(visitor.context);
  const page = await visitor.arrive(RUN);
  await start(page);
  const last = steps.at(-1)!;
  await page.waitForFunction((step) => (globalThis.recorded.steps.at(-1)?.step ?? 0) >= step, last.step, {
    timeout: 3_600_000,
  });
  const undisturbed = new Map((await readRecord(page)).steps.map(({ step, loss }) => [step, loss]));
  const away = steps.map(({ step, loss }) => Math.abs(loss - undisturbed.get(step)!));
  const found = { most: Math.max(...away), last: away.at(-1)!, steps: last.step };
  console.info(
    `away from an undisturbed run: ${JSON.stringify(found)}; at steps ${[100, 300, 1000, 3000].map((at) => `${at}: ${away[at]?.toExponential(1)}`).join(', ')}`,
  );
  const newest = rounds.pop();
  if (newest) note({ ...newest, away: found });
  expect(found.last).toBeLessThan(1e-4);
});
