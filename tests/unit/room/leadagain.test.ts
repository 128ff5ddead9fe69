/** A peer that leads again decides by reports that are made to it now, not by those of the time when it led before. */
import { expect, it } from 'vitest';
import { reduce } from '../../../src/net/membership/reduce';
import { type Effect, type Event, initialState, type Setting } from '../../../src/net/membership/state';
import { parsePlan } from '../../../src/plan/plan';

const BUILD = 'build';
const plan = parsePlan({ dp: 4 });
const run = { text: '{}', hash: 'hash' };
/** Ids in rank order; `a` has the lowest id, so it leads until somebody holds a state, and then rank 0 does. */
const IDS = ['k', 'b', 'a', 'z'];

const roster = (willing: string, holds: Record<string, number> = {}): Event => ({
  e: 'roster',
  roster: new Map(
    IDS.map((peer, index) => {
      const state = willing.includes(peer) ? 'willing' : 'observer';
      const presence = { peer, build: BUILD, run: run.hash, name: peer, index, state, holds: holds[peer] ?? 0 };
      return [peer, presence as never];
    }),
  ),
});

const reportOf = (seq: number, links: readonly string[], heard = 0): Event => ({
  e: 'heard',
  from: 'z',
  message: {
    t: 'report',
    report: { seq, heard, by: heard > 0 ? 'a' : '', entered: heard, broke: 0, lost: '', waiting: heard === 0, links },
  },
});

it.each([undefined, 4])('keeps the generation when it leads again, expecting %s peers', (expecting) => {
  const setting: Setting = {
    self: 'k',
    build: BUILD,
    run,
    plan,
    ...(expecting === undefined ? {} : { expect: expecting }),
    fit: () => plan,
  };
  let state = initialState(setting);
  let now = 0;
  const effects: Effect[] = [];
  const happen = (event: Event) => {
    now += 5;
    const reduced = reduce(setting, state, event, now);
    state = reduced.state;
    effects.push(...reduced.effects);
    return reduced.effects;
  };
  const told = (kind: string) => effects.filter((one) => one.f === 'tell' && one.message.t === kind);

  happen(roster('kz'));
  happen({ e: 'border', after: 0 });
  happen(reportOf(1, []));
  happen(roster('kbaz'));
  for (const peer of ['a', 'b', 'z']) happen({ e: 'linked', peer });
  const agreed = { plan, paused: false, run: run.text, runHash: run.hash, holds: 0, broken: 0, lost: '', from: 0 };
  const declaration = { ...agreed, number: 1, peers: IDS, authority: 'a' };
  happen({ e: 'heard', from: 'a', message: { t: 'declare', declaration } });
  happen({ e: 'heard', from: 'a', message: { t: 'go', number: 1, by: 'a' } });
  expect(state.place.is).toBe('inside');
  effects.length = 0;

  happen(roster('kbaz', { b: 1 }));
  expect(told('hello').map((one) => one.f === 'tell' && one.to)).toEqual(
    ['k', 'b', 'a', 'z'].filter((id) => id !== 'k'),
  );
  now += 500;
  happen({ e: 'time' });
  happen(reportOf(2, ['a', 'b', 'k'], 1));
  now += 200;
  happen({ e: 'time' });
  expect(told('declare')).toEqual([]);
  expect(effects.filter(({ f }) => f === 'abort')).toEqual([]);
});

it('reports again to the authority that says hello', () => {
  const setting: Setting = { self: 'z', build: BUILD, run, plan, fit: () => plan };
  let state = initialState(setting);
  const happen = (event: Event, now: number) => {
    const reduced = reduce(setting, state, event, now);
    state = reduced.state;
    return reduced.effects.filter((one) => one.f === 'tell' && one.message.t === 'report');
  };
  expect(happen(roster('az'), 0)).toHaveLength(1);
  happen({ e: 'heard', from: 'a', message: { t: 'heard', seq: state.report.seq } }, 10);
  expect(happen({ e: 'time' }, 20)).toHaveLength(0);
  expect(happen({ e: 'heard', from: 'a', message: { t: 'hello', heard: 0 } }, 30)).toHaveLength(1);
  expect(happen({ e: 'heard', from: 'b', message: { t: 'hello', heard: 0 } }, 40)).toHaveLength(0);
});
