/** The lecture as its person drives it, on a live room of the test's own. */
import { signal } from '@preact/signals';
import { expect, test, vi } from 'vitest';
import type { Commands, Feed, Proof } from '../../../src/pages/lecture/facts/feed';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { readAddress } from '../../../src/pages/lecture/show/address';
import type { Live } from '../../../src/pages/lecture/show/live';
import { Show } from '../../../src/pages/lecture/show/show';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { nameOf } from '../../../src/plan/why';

vi.stubGlobal('requestAnimationFrame', () => 0);

/** Four tabs that train under `plan`; what is asked of them is kept, and done only when the test says so. */
function liveRoom(show: Show, plan: ParallelPlan) {
  const { traceOf, ...rest } = new SimulatedFeed(show.simulated.run.value!, plan);
  void traceOf;
  const own = { plan: signal<ParallelPlan | null>(plan), proof: signal<Proof | null>(null), traceOf: () => [] };
  const feed = { ...rest, ...own, kind: 'live' } as unknown as Feed;
  const asked: string[] = [];
  const commands = {
    switchPlan: (wanted: ParallelPlan) => asked.push(nameOf(wanted)),
    pause: (paused: boolean) => asked.push(paused ? 'pause' : 'go on'),
  } as unknown as Commands;
  const machines = signal([undefined, undefined, undefined, undefined]);
  const live = {
    feed,
    commands,
    seats: signal(4),
    machines,
    crowded: signal([]),
    problem: signal(''),
    news: signal([]),
  };
  show.live.value = live as unknown as Live;
  return {
    asked,
    plan: feed.plan as ReturnType<typeof signal<ParallelPlan | null>>,
    proof: feed.proof as ReturnType<typeof signal<Proof | null>>,
  };
}

test('a scene asks for its plan where another one runs', () => {
  const show = new Show(readAddress(''));
  const { asked } = liveRoom(show, parsePlan({ dp: 4 }));
  show.go('data');
  expect(asked).toEqual([]);
  show.go('tensor');
  expect(asked).toEqual(['tp 4']);
});

test('a scene asks for its plan, too, where it still runs but another one was asked for', () => {
  const show = new Show(readAddress(''));
  const { asked, plan } = liveRoom(show, parsePlan({ dp: 4 }));
  show.go('one');
  show.go('data');
  expect(asked).toEqual(['one tab', 'DDP']);
  plan.value = parsePlan({ dp: 4 });
  show.go('data');
  expect(asked).toEqual(['one tab', 'DDP']);
});

test('in the scene of one tab, tabs that join and make replicas are cut away again', () => {
  vi.useFakeTimers();
  const show = new Show(readAddress(''));
  const { asked, plan } = liveRoom(show, parsePlan({}));
  show.go('one');
  vi.advanceTimersByTime(1000);
  expect(asked).toEqual([]);
  plan.value = parsePlan({ dp: 3 });
  vi.advanceTimersByTime(1000);
  expect(asked).toEqual(['one tab']);
  vi.useRealTimers();
});

test('plans are made for all tabs there are, however many the scene before used', () => {
  const show = new Show(readAddress(''));
  const tabs = show.tabs.value;
  show.go('one');
  expect(show.machines).toHaveLength(tabs);
  show.go('which');
  expect(show.machines).toHaveLength(tabs);
  liveRoom(show, parsePlan({}));
  expect(show.machines).toHaveLength(4);
});

test('who watches asks for nothing', () => {
  const show = new Show(readAddress('#watch=only'));
  const { asked, plan } = liveRoom(show, parsePlan({ dp: 4 }));
  for (const scene of ['one', 'tensor', 'pipeline'] as const) show.go(scene);
  expect(asked).toEqual([]);
  plan.value = parsePlan({ tp: 4 });
  expect(show.scene.value).toBe('tensor');
});

test.each([
  ['that agrees changes nothing', '', '', []],
  ['that parts pauses the room', '', 'block0/attn.wq', ['pause']],
  ['that parts is shown to who only watches', '#watch=only', 'block0/attn.wq', []],
])('a proof %s', (_, hash, parted, expected) => {
  vi.useFakeTimers();
  const show = new Show(readAddress(hash));
  const { asked, proof } = liveRoom(show, parsePlan({ dp: 4 }));
  show.go('data');
  proof.value = { step: 3, tensors: [], parted };
  vi.advanceTimersByTime(4000);
  expect(asked).toEqual(expected);
  expect(show.parted.value).toContain(parted);
  vi.useRealTimers();
});
