import { expect, test } from 'vitest';
import { changesOf, hasRun, peopleOf } from '../../../src/pages/state/people';
import type { Presence } from '../../../src/pages/tab';
import { parsePlan } from '../../../src/plan/plan';

const presence = (peer: string, change: Partial<Presence> = {}): [string, Presence] => [
  peer,
  { peer, name: `n-${peer}`, adapter: 'apple metal-3', state: 'willing', hidden: false, build: '', run: '', ...change },
];
const link = {
  peer: 'b',
  bytesSent: 1,
  bytesReceived: 2,
  dropped: 0,
  rttMs: 3,
  baseMs: 3,
  bytesPerMs: 3,
  windowBytes: 0,
  kind: 'relayed' as const,
};

test('members stand in rank order, then everybody else by name, each with state and link', () => {
  const roster = new Map([
    presence('a'),
    presence('b', { adapter: 'google swiftshader', hidden: true }),
    presence('c'),
    presence('d', { state: 'observer' }),
  ]);
  const people = peopleOf('a', roster, { members: ['b', 'a'], links: [link] });
  expect(people.map(({ peer, rank, state }) => [peer, rank, state])).toEqual([
    ['b', 0, 'training'],
    ['a', 1, 'training'],
    ['c', null, 'joining'],
    ['d', null, 'watching'],
  ]);
  expect(people[0]).toMatchObject({ software: true, hidden: true, me: false, link });
  expect(people[1]).toMatchObject({ software: false, me: true, link: null });
});

test('where shares of the batch differ, each rank has the samples of its replica', () => {
  const roster = new Map(['a', 'b', 'c', 'd', 'e'].map((peer) => presence(peer)));
  const sharesOf = (plan: object) =>
    peopleOf('a', roster, { members: ['d', 'c', 'b', 'a'], links: [], plan: parsePlan(plan) }).map(
      ({ share }) => share,
    );
  expect(sharesOf({ dp: 4, shares: [1, 2, 3, 10] })).toEqual([1, 2, 3, 10, null]);
  expect(sharesOf({ dp: 2, pp: 2, shares: [4, 12], microbatches: 2 })).toEqual([4, 4, 12, 12, null]);
  expect(sharesOf({ dp: 4 })).toEqual([null, null, null, null, null]);
});

test('a pause is everybody who takes part, nobody else', () => {
  const roster = new Map([presence('a'), presence('b'), presence('c', { state: 'observer' })]);
  const people = peopleOf('a', roster, { members: ['a', 'b'], links: [], phase: 'paused' });
  expect(people.map(({ state }) => state)).toEqual(['paused', 'paused', 'watching']);
});

test('a member that signaling has lost is still shown', () => {
  const [person] = peopleOf('a', new Map(), { members: ['abcdef012345'], links: [] });
  expect(person).toMatchObject({ name: 'abcdef', state: 'training', adapter: '' });
});

test('a tab that only watches calls the others by what they say of themselves', () => {
  const roster = new Map([presence('a', { state: 'observer' }), presence('b')]);
  expect(peopleOf('a', roster, { members: [], links: [] }).map(({ state }) => state)).toEqual(['watching', 'willing']);
});

test('a room has a run when somebody else takes part', () => {
  expect(hasRun('a', new Map([presence('a'), presence('b', { state: 'observer' })]))).toBe(false);
  expect(hasRun('a', new Map([presence('b', { state: 'paused' })]))).toBe(true);
});

test('who failed, and why: once, and not for this tab or for a peer that had failed before it was met', () => {
  const failed = { state: 'observer', left: 'its memory is full' } as const;
  const before = new Map([presence('a'), presence('b'), presence('c', failed)]);
  const after = new Map([presence('a', failed), presence('b', failed), presence('c', failed), presence('d', failed)]);
  expect(changesOf('a', before, after)).toEqual([
    { kind: 'came', name: 'n-d', reason: '' },
    { kind: 'failed', name: 'n-b', reason: 'its memory is full' },
  ]);
  expect(peopleOf('a', after, { members: [], links: [] }).find(({ peer }) => peer === 'b')!.left).toBe(
    'its memory is full',
  );
});

test('who came and who left, this tab left out', () => {
  const before = new Map([presence('b')]);
  const after = new Map([presence('a'), presence('c')]);
  expect(changesOf('a', before, after)).toEqual([
    { kind: 'came', name: 'n-c', reason: '' },
    { kind: 'left', name: 'n-b', reason: '' },
  ]);
});
