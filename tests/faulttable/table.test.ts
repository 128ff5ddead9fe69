/**
 * `npm run test:faults`: faults that happen to one of three tabs, in real browsers, as one table of what the others see.
 * `npm test` has a sample of them (members.test.ts) and thousands on virtual time (worlds.test.ts). Times are printed,
 * never asserted.
 */
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { FaultRoom, type Outcome } from '../helpers/faultroom';
import { FAULTS } from './faults';

const TIMES = Number(process.env.TABTRAIN_FAULTS ?? 1);

const rows: string[] = [];

const ms = (value: number | null) => (value === null ? '–' : `${(value / 1000).toFixed(2)} s`);
const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;

function rowOf(name: string, outcomes: readonly Outcome[]): string {
  const noticed = outcomes.flatMap(({ noticedMs }) => (noticedMs === null ? [] : [noticedMs]));
  const pauses = outcomes.map(({ pauseMs }) => pauseMs);
  const both = (values: readonly number[]) =>
    values.length === 0 ? '–' : `${ms(quantile(values, 0.5))} / ${ms(quantile(values, 0.95))}`;
  const lost = Math.max(...outcomes.map(({ stepsLost }) => stepsLost));
  const equal = outcomes.every(({ isEqual }) => isEqual) ? 'yes' : 'NO';
  return `| ${name} | ${both(noticed)} | ${both(pauses)} | ${lost} | ${equal} | ${outcomes.at(-1)!.sentence} |`;
}

afterAll(() => {
  const head =
    '| fault | noticed after p50 / p95 | longest pause of the others p50 / p95 | steps lost | hashes equal | sentence shown |';
  console.info([head, '|---|---|---|---|---|---|', ...rows].join('\n'));
});

test.each(FAULTS)('$name', { timeout: TIMES * 120_000 }, async ({ name, prepare, joins, happen, forMs, sentence }) => {
  const outcomes: Outcome[] = [];
  for (let time = 0; time < TIMES; time++) {
    const ends: (() => Promise<void>)[] = [];
    const close = async () => {
      for (const end of ends.splice(0)) await end();
    };
    onTestFinished(close);
    const room = await FaultRoom.open((end) => ends.unshift(end), prepare);
    if (joins) await room.join();
    outcomes.push(await room.watch(() => happen(room), forMs));
    await close();
  }
  rows.push(rowOf(name, outcomes));
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ stepsLost: 0, isEqual: true });
    expect(outcome.sentence).toMatch(sentence);
  }
});
