/** How many times one tab: from the steps of this tab alone and of several, without the first step of a generation. */
import { expect, test } from 'vitest';
import { messages } from '../../../src/pages/messages';
import { TogetherMeter } from '../../../src/pages/state/together';
import type { Presence } from '../../../src/pages/tab';
import { parseRunFile } from '../../../src/train/runfile';

const RUN = parseRunFile({ model: { vocab: 65 } });
const roster = (machines: Readonly<Record<string, string | undefined>>) =>
  new Map(Object.entries(machines).map(([peer, machine]) => [peer, { peer, machine } as Presence]));
const FAR = roster({ a: 'x', b: 'y', c: undefined });

function read(
  meter: TogetherMeter,
  members: readonly string[],
  from: number,
  ms: readonly number[],
  who = FAR,
  run = RUN,
) {
  const newMetrics = ms.map((one, i) => ({
    ...{ step: from + i, loss: 1, gradNorm: 1, lr: 1, bytesSent: [] },
    ...{ tokens: 1000, ms: one },
  }));
  return meter.read({ phase: 'training', run, members, generation: members.length, newMetrics }, who);
}

test('divides the speed of several tabs by the speed that one had', () => {
  const meter = new TogetherMeter();
  expect(read(meter, ['a'], 0, [900])).toBeNull();
  expect(read(meter, ['a'], 1, [100, 100, 100])).toBeNull();
  // the first status of a generation has the step that compiles
  expect(read(meter, ['a', 'b'], 4, [5000])).toBeNull();
  expect(read(meter, ['a', 'b'], 5, [80, 80])).toBeNull();
  expect(read(meter, ['a', 'b'], 7, [80, 400])).toEqual({ tabs: 2, times: 1.25, sharing: 0, lost: 0.375 });
  // the same status again changes nothing
  expect(read(meter, ['a', 'b'], 7, [80, 400])?.times).toBe(1.25);
});

test('knows nothing without a step of one tab, nor of another model', () => {
  const meter = new TogetherMeter();
  read(meter, ['a', 'b'], 0, [100]);
  expect(read(meter, ['a', 'b'], 1, [100, 100, 100, 100])).toBeNull();
  read(meter, ['a'], 5, [100]);
  read(meter, ['a'], 6, [100, 100, 100]);
  const other = parseRunFile({ model: { vocab: 65, layers: 6 } });
  read(meter, ['a', 'b'], 0, [100], FAR, other);
  expect(read(meter, ['a', 'b'], 1, [100, 100, 100], FAR, other)).toBeNull();
});

test('says why: one graphics chip, or exchanges', () => {
  const meter = new TogetherMeter();
  const near = roster({ a: 'x', b: 'x', c: 'y' });
  read(meter, ['a'], 0, [100]);
  read(meter, ['a'], 1, [100, 100, 100]);
  read(meter, ['a', 'b', 'c'], 4, [100]);
  const measured = read(meter, ['a', 'b', 'c'], 5, [100, 100, 100], near)!;
  expect(measured.sharing).toBe(2);
  expect(messages.together(measured, 'DDP')).toBe(
    '3 tabs: 1.0 times one tab, under DDP. 2 of them share one graphics chip.',
  );
  expect(messages.together({ ...measured, sharing: 3 }, 'DDP')).toContain('They share one graphics chip.');
  expect(messages.together({ ...measured, sharing: 0, lost: 0.61 }, 'DDP')).toContain(
    'Exchanges and waiting take 61 % of a step.',
  );
  expect(messages.together({ tabs: 3, times: 2.9, sharing: 3, lost: 0.03 }, 'DDP')).toBe(
    '3 tabs: 2.9 times one tab, under DDP.',
  );
});
