/**
 * The layout of the ranks of a mesh: a panel for each replica (dp), in each panel a strip for each stage (pp), in each
 * strip a box for each split (tp); or a panel for each machine with its ranks. Panels, strips and boxes wrap into rows so that the boxes are as large as possible
 * and never overlap. Pure.
 */
import { coordOf } from '../../../../plan/mesh';
import type { Axis, ParallelPlan } from '../../../../plan/plan';

/** A rectangle in pixels of the picture. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface RankBox extends Box {
  readonly rank: number;
  readonly coord: Readonly<Record<Axis, number>>;
}

interface CubeLayout {
  /** `at`: the replica, or the machine. */
  readonly panels: readonly (Box & { readonly at: number })[];
  readonly boxes: readonly RankBox[];
}

/** Pixels between boxes of a strip, between strips, and between panels; links are drawn in these gaps. */
const GAP = { tp: 26, pp: 30, dp: 40 };
/** A panel of one box needs no frame and no title. */
const frameOf = ({ dp, pp, tp }: Pick<ParallelPlan, Axis>) =>
  pp * tp > 1 ? { padding: 14, title: dp > 1 ? 30 : 0 } : { padding: 0, title: 0 };
const MOST = { width: 128, height: 64 };
/** How far a line is moved aside, as a share of the box that it starts in. */
const ASIDE = 0.32;

/** Number of rows for `count` items in `columns` columns. */
const rowsOf = (count: number, columns: number) => Math.ceil(count / columns);

/** Number of columns: of panels, of strips in a panel, of boxes in a strip. */
interface Grid {
  readonly panels: number;
  readonly strips: number;
  readonly boxes: number;
}

export function cubeLayout(plan: Pick<ParallelPlan, Axis>, width: number, height: number): CubeLayout {
  const grids = range(plan.dp).flatMap((panels) =>
    range(plan.pp).flatMap((strips) => range(plan.tp).map((boxes) => ({ panels, strips, boxes }))),
  );
  const sized = grids.map((grid) => ({ grid, box: boxSize(plan, grid, width, height) }));
  const best = sized.reduce((a, b) => (worth(b.box) > worth(a.box) + 0.5 ? b : a));
  return place(plan, best.grid, best.box);
}

/** The same ranks with a panel for each machine instead; `machines`: of each rank, of two machines or more. */
export function machineLayout(
  plan: Pick<ParallelPlan, Axis>,
  machines: readonly string[],
  width: number,
  height: number,
): CubeLayout {
  const own = [...new Set(machines)].map((name) => [...machines.keys()].filter((rank) => machines[rank] === name));
  const most = Math.max(...own.map(({ length }) => length));
  const { panels, boxes } = cubeLayout({ dp: own.length, pp: 1, tp: most }, width, height);
  const seated = own.flatMap((ranks, at) =>
    ranks.map((rank, place) => ({ ...boxes[at * most + place]!, rank, coord: coordOf(rank, plan) })),
  );
  return { panels, boxes: seated.sort((a, b) => a.rank - b.rank) };
}

/** Height to lay out for. Few ranks, and machines, lie flat below a row of switches; many need it to be legible. */
export const pictureHeight = (ranks: number, isByMachine: boolean): number =>
  ranks > 8 ? 300 : isByMachine ? 196 : 240;

/** A score of how legible a number is in a box: the smaller of its height and its width over 1.6. */
const worth = ({ width, height }: Pick<Box, 'width' | 'height'>) => Math.min(height, width / 1.6);

function boxSize({ dp, pp, tp }: Pick<ParallelPlan, Axis>, grid: Grid, width: number, height: number) {
  const [panelRows, stripRows, boxRows] = [rowsOf(dp, grid.panels), rowsOf(pp, grid.strips), rowsOf(tp, grid.boxes)];
  const { padding, title } = frameOf({ dp, pp, tp });
  const panel = {
    width: (width - (grid.panels - 1) * GAP.dp) / grid.panels - 2 * padding,
    height: (height - (panelRows - 1) * GAP.dp) / panelRows - 2 * padding - title,
  };
  const strip = {
    width: (panel.width - (grid.strips - 1) * GAP.pp) / grid.strips,
    height: (panel.height - (stripRows - 1) * GAP.pp) / stripRows,
  };
  return {
    width: Math.min(MOST.width, (strip.width - (grid.boxes - 1) * GAP.tp) / grid.boxes),
    height: Math.min(MOST.height, (strip.height - (boxRows - 1) * GAP.tp) / boxRows),
  };
}

function place(plan: Pick<ParallelPlan, Axis>, grid: Grid, box: Pick<Box, 'width' | 'height'>): CubeLayout {
  const { dp, pp, tp } = plan;
  const step = { x: box.width + GAP.tp, y: box.height + GAP.tp };
  const strip = { width: grid.boxes * step.x - GAP.tp, height: rowsOf(tp, grid.boxes) * step.y - GAP.tp };
  const inner = {
    width: grid.strips * (strip.width + GAP.pp) - GAP.pp,
    height: rowsOf(pp, grid.strips) * (strip.height + GAP.pp) - GAP.pp,
  };
  const { padding, title } = frameOf(plan);
  const panel = { width: inner.width + 2 * padding, height: inner.height + 2 * padding + title };
  const panels = Array.from({ length: dp }, (_, at) => ({
    at,
    x: (at % grid.panels) * (panel.width + GAP.dp),
    y: Math.floor(at / grid.panels) * (panel.height + GAP.dp),
    ...panel,
  }));
  const boxes = Array.from({ length: dp * pp * tp }, (_, rank) => {
    const coord = coordOf(rank, plan);
    const of = panels[coord.dp]!;
    const x = (coord.pp % grid.strips) * (strip.width + GAP.pp) + (coord.tp % grid.boxes) * step.x;
    const y = Math.floor(coord.pp / grid.strips) * (strip.height + GAP.pp) + Math.floor(coord.tp / grid.boxes) * step.y;
    return { rank, coord, x: of.x + padding + x, y: of.y + padding + title + y, ...box };
  });
  return { panels, boxes };
}

/** A line between the middles of two boxes, moved aside where it would lie on the lines of boxes that are in its way. */
export function lineBetween(from: RankBox, to: RankBox, boxes: readonly RankBox[]) {
  const middle = ({ x, y, width, height }: Box) => ({ x: x + width / 2, y: y + height / 2 });
  const [a, b] = [middle(from), middle(to)];
  const isBetween = (box: RankBox) => {
    const { x, y } = middle(box);
    const along = (x - a.x) * (b.x - a.x) + (y - a.y) * (b.y - a.y);
    const isAside = Math.abs((x - a.x) * (b.y - a.y) - (y - a.y) * (b.x - a.x)) > 1e-6;
    return !isAside && along > 1e-6 && along < (b.x - a.x) ** 2 + (b.y - a.y) ** 2 - 1e-6;
  };
  const aside = boxes.some(isBetween) ? (from.rank % 2 === 0 ? -ASIDE : ASIDE) : 0;
  const isFlat = Math.abs(b.x - a.x) >= Math.abs(b.y - a.y);
  const [dx, dy] = isFlat ? [0, aside * from.height] : [aside * from.width, 0];
  return { x1: a.x + dx, y1: a.y + dy, x2: b.x + dx, y2: b.y + dy };
}

/** The numbers from 1 to `n`. */
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
