import { expect, test } from 'vitest';
import { type RingPeer, ringLinks } from '../../../src/pages/parts/ring';
import { curveOf, nodeRadius, pointOf } from '../../../src/pages/state/ringlayout';

const peers = (size: number, me = 0): RingPeer[] =>
  Array.from({ length: size }, (_, rank) => ({ peer: `p${rank}`, name: `p${rank}`, me: rank === me }));
const rates = (sent: Record<string, number>, received: Record<string, number>) =>
  new Map(Object.keys(sent).map((p) => [p, { sentPerStep: sent[p]!, receivedPerStep: received[p] ?? 0 }]));

test('places never touch, for up to a hundred ranks', () => {
  for (let size = 2; size <= 100; size++) {
    const [a, b] = [pointOf(0, size), pointOf(1, size)];
    expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(2 * nodeRadius(size));
  }
});

test('the two directions between a pair are two curves', () => {
  expect(curveOf(0, 1, 2).label).not.toEqual(curveOf(1, 0, 2).label);
  expect(curveOf(0, 1, 5).path).toMatch(/^M-?\d/);
});

test('one tab alone has no links, two have one each way', () => {
  expect(ringLinks(peers(1), new Map())).toEqual([]);
  expect(ringLinks(peers(2), rates({ p1: 10 }, { p1: 20 }))).toEqual([
    { from: 0, to: 1, sent: 10 },
    { from: 1, to: 0, sent: 20 },
  ]);
});

test('only links of this tab carry a figure, and the way back only where bytes moved', () => {
  const links = ringLinks(peers(4, 1), rates({ p2: 100, p0: 0 }, { p2: 0, p0: 90 }));
  expect(links).toEqual([
    { from: 0, to: 1, sent: 90 },
    { from: 1, to: 2, sent: 100 },
    { from: 2, to: 3, sent: null },
    { from: 3, to: 0, sent: null },
  ]);
});

test('the direct form of a collective shows as links across', () => {
  const links = ringLinks(peers(4), rates({ p1: 5, p2: 5, p3: 5 }, { p1: 5, p2: 5, p3: 5 }));
  expect(links.filter(({ sent }) => sent === 5)).toHaveLength(6);
});
