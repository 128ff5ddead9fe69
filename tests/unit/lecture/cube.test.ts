/** The picture of a mesh: every product of axes up to 24 ranks has boxes that are apart, in the picture and large enough to read. */
import { expect, test } from 'vitest';
import {
  type Box,
  cubeLayout,
  lineBetween,
  machineLayout,
  pictureHeight,
} from '../../../src/pages/lecture/models/cut/cube';
import { sceneWords } from '../../../src/pages/lecture/words/scenes';

const W = 620;
const H = 300;
/** A number of two figures at 20 px. */
const LEAST = { width: 26, height: 20 };

const shapes = Array.from({ length: 24 }, (_, i) => i + 1).flatMap((dp) =>
  Array.from({ length: Math.floor(24 / dp) }, (_, i) => i + 1).flatMap((pp) =>
    Array.from({ length: Math.floor(24 / dp / pp) }, (_, i) => ({ dp, pp, tp: i + 1 })),
  ),
);

const overlap = (a: Box, b: Box) =>
  a.x < b.x + b.width - 1e-9 &&
  b.x < a.x + a.width - 1e-9 &&
  a.y < b.y + b.height - 1e-9 &&
  b.y < a.y + a.height - 1e-9;

const isInside = (box: Box, of: Box) =>
  box.x >= of.x - 1e-9 &&
  box.y >= of.y - 1e-9 &&
  box.x + box.width <= of.x + of.width + 1e-9 &&
  box.y + box.height <= of.y + of.height + 1e-9;

test(`all ${shapes.length} products`, () => {
  expect(shapes.length).toBeGreaterThan(100);
  for (const shape of shapes) {
    const name = JSON.stringify(shape);
    const { panels, boxes } = cubeLayout(shape, W, H);
    expect(boxes.length, name).toBe(shape.dp * shape.pp * shape.tp);
    expect(panels.length, name).toBe(shape.dp);
    for (const panel of panels) expect(isInside(panel, { x: 0, y: 0, width: W, height: H }), name).toBe(true);
    for (const [i, box] of boxes.entries()) {
      expect(isInside(box, panels[box.coord.dp]!), name).toBe(true);
      expect(box.width, name).toBeGreaterThanOrEqual(LEAST.width);
      expect(box.height, name).toBeGreaterThanOrEqual(LEAST.height);
      for (const other of boxes.slice(i + 1)) expect(overlap(box, other), name).toBe(false);
    }
    for (const [i, panel] of panels.entries())
      for (const other of panels.slice(i + 1)) expect(overlap(panel, other), name).toBe(false);
  }
});

test('a panel for each machine with its ranks, whatever they are', () => {
  const plan = { dp: 2, pp: 2, tp: 2 };
  for (const machines of ['aaaabbbb', 'abababab', 'aabbccdd', 'aaaaaaab', 'abcabcab']) {
    const { panels, boxes } = machineLayout(plan, [...machines], W, 196);
    expect(panels.length).toBe(new Set(machines).size);
    expect(boxes.map(({ rank }) => rank)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(boxes[5]!.coord).toEqual({ dp: 1, pp: 0, tp: 1 });
    for (const [rank, box] of boxes.entries()) {
      expect(isInside(box, panels[[...new Set(machines)].indexOf(machines[rank]!)]!), machines).toBe(true);
      expect(box.width).toBeGreaterThanOrEqual(LEAST.width);
      for (const other of boxes.slice(rank + 1)) expect(overlap(box, other), machines).toBe(false);
    }
  }
});

test('a link past other ranks lies beside their links, and each in its own place', () => {
  const { boxes } = machineLayout({ dp: 2, pp: 2, tp: 2 }, [...'aaaabbbb'], W, 196);
  const yOf = (a: number, b: number) => lineBetween(boxes[a]!, boxes[b]!, boxes).y1;
  const [tensor, first, second] = [yOf(0, 1), yOf(0, 4), yOf(1, 5)];
  expect(yOf(4, 5)).toBe(tensor);
  // the thickest line is 16 px wide
  for (const [a, b] of [
    [tensor, first],
    [tensor, second],
    [first, second],
  ] as const)
    expect(Math.abs(a - b)).toBeGreaterThan(16);
  for (const y of [first, second]) {
    expect(y).toBeGreaterThan(boxes[0]!.y + 8);
    expect(y).toBeLessThan(boxes[0]!.y + boxes[0]!.height - 8);
  }
});

test('at the size of a projector, the coordinates of eight ranks and fewer keep 14 px', () => {
  // the place of a picture beside another one at 1280 x 720, and the size of a coordinate in it
  const [place, fontPx] = [{ width: 604, height: 223 }, 14.5];
  const pxOf = ({ panels }: ReturnType<typeof cubeLayout>) => {
    const right = Math.max(...panels.map(({ x, width }) => x + width));
    const bottom = Math.max(...panels.map(({ y, height }) => y + height));
    return fontPx * Math.min(place.width / right, place.height / bottom);
  };
  for (const plan of [
    { dp: 1, pp: 2, tp: 2 },
    { dp: 2, pp: 2, tp: 1 },
    { dp: 2, pp: 1, tp: 2 },
    { dp: 2, pp: 2, tp: 2 },
  ]) {
    const ranks = plan.dp * plan.pp * plan.tp;
    const machines = Array.from({ length: ranks }, (_, rank) => (2 * rank < ranks ? 'a' : 'b'));
    expect(pxOf(cubeLayout(plan, W, pictureHeight(ranks, false))), JSON.stringify(plan)).toBeGreaterThanOrEqual(14);
    expect(pxOf(machineLayout(plan, machines, W, pictureHeight(ranks, true)))).toBeGreaterThanOrEqual(14);
  }
});

test('what reaches from one machine to another is said, of the axes that the plan cuts', () => {
  const { seats } = sceneWords.cube;
  expect(seats(2, { groups: 0, borders: 4 }, { groups: 4, borders: 8 })).toMatch(
    /^2 machines: 0 of 4 tp groups, 4 of 8 borders cross\.$/,
  );
  expect(seats(3, { groups: 1, borders: 0 }, { groups: 2, borders: 0 })).toMatch(/^3 machines: 1 of 2 tp groups cross/);
});
