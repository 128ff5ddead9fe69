/** A run recorded from a live feed and replayed: the same numbers, without anything live; damaged files are refused. */
import { expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { tokensPerStep } from '../../../src/pages/lecture/facts/units';
import { RecordedFeed } from '../../../src/pages/lecture/feeds/recordedfeed';
import { Recorder } from '../../../src/pages/lecture/feeds/recorder';
import { readRecording } from '../../../src/pages/lecture/feeds/recording';
import { roomRate } from '../../../src/pages/lecture/models/digest';
import { DEFAULT_CHOICE, runFileOf } from '../../../src/pages/state/runchoice';
import type { TraceEvent } from '../../../src/trace/trace';
import { WatchRoom } from '../../helpers/watchroom';

const text = async () => new TextEncoder().encode('call me');

/** Eight steps, then a change of plan, then eight more. */
async function recorded() {
  const room = new WatchRoom(['a', 'b', 'c', 'd']);
  const { feed, tabs } = room;
  feed.setRun(runFileOf(DEFAULT_CHOICE, ''));
  const recorder = new Recorder(feed);
  expect(recorder.hasRun).toBe(false);
  room.connect();
  const run = (from: number) => {
    for (let step = from; step < from + 8; step++) {
      for (const tab of tabs) {
        tab.run(step);
        tab.tell({ phase: 'training' });
      }
      room.settle();
    }
    for (const tab of tabs) tab.tell({ phase: 'waiting' });
    room.settle();
  };
  run(0);
  const shown = { ranks: feed.ranks.value, events: feed.traceOf(7) };
  const plan = { ...room.plan, zero: 2 as const };
  for (const tab of tabs) tab.tell({ generation: 2, plan, phase: 'syncing' });
  room.settle();
  run(8);
  return { room, plan, shown, file: await recorder.file(text) };
}

test('a recorded run shows what the live one showed, plan by plan', async () => {
  const { room, plan, shown, file } = await recorded();
  const recording = await readRecording(file);
  expect(recording.card).toMatchObject({ seed: 1, adapters: ['adapter 0', 'adapter 1', 'adapter 2', 'adapter 3'] });
  expect(recording.card.dataHash).toMatch(/^[0-9a-f]{64}$/);
  const feed = new RecordedFeed(recording);
  expect(feed.chapters.map((chapter) => chapter.plan.zero)).toEqual([0, 2]);
  expect(feed.newestStep.value).toBe(7);
  expect(feed.metrics.value.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  const host = shown.events.filter(({ lane }) => lane === 'host');
  const spanMs = Math.max(...host.map(({ t1 }) => t1)) - Math.min(...host.map(({ t0 }) => t0));
  const pace = roomRate(feed.ranks.value, feed.plan.value!);
  expect(pace / ((1000 * tokensPerStep(recording.card.run)) / spanMs)).toBeCloseTo(1, 4);
  expect(feed.ranks.value).toEqual(shown.ranks.map((rank) => ({ ...rank, tokensPerSecond: pace / room.plan.dp })));
  // why in an order of their own: times are rounded, so those of two tabs that began together may change places
  const keyOf = ({ rank, lane, name, unit }: TraceEvent) => `${rank} ${lane} ${name} ${unit}`;
  const ordered = (all: readonly TraceEvent[]) => [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const withoutTimes = ({ t0, t1, ...rest }: TraceEvent) => rest;
  const [events, expected] = [ordered(feed.traceOf(7)), ordered(shown.events)];
  expect(events.map(withoutTimes)).toEqual(expected.map(withoutTimes));
  for (const [i, { t0 }] of events.entries()) expect(Math.abs(t0 - expected[i]!.t0)).toBeLessThan(0.002);
  expect(feed.traceOf(1)).toEqual([]);
  expect(feed.show(plan)).toBe(true);
  expect(feed.plan.value).toEqual(plan);
  expect(feed.newestStep.value).toBe(15);
  expect(feed.metrics.value).toEqual(room.feed.metrics.value);
  expect(feed.show({ ...plan, pp: 4 })).toBe(false);
  expect(feed.plan.value).toEqual(plan);
});

test('a damaged or foreign file is refused in a sentence', async () => {
  const { file } = await recorded();
  const other = new Blob(['{"v":1,"card":{}}']).stream().pipeThrough(new CompressionStream('gzip'));
  const foreign = new Uint8Array(await new Response(other).arrayBuffer());
  for (const bad of [file.slice(0, file.length / 2), foreign, new Uint8Array([1, 2, 3])]) {
    await expect(readRecording(bad)).rejects.toBeInstanceOf(InputError);
    await expect(readRecording(bad)).rejects.toThrow('this file is no recorded run');
  }
});
