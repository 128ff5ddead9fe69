/** Where the ranks of a mesh are drawn: dp to the right, pp downwards, tp into the picture. Pure numbers in a unit box. */
import { coordOf } from '../../../plan/mesh';
import type { Axis, ParallelPlan } from '../../../plan/plan';

export interface Place {
  readonly rank: number;
  readonly coord: Readonly<Record<Axis, number>>;
  /** 0 to 1. */
  readonly x: number;
  readonly y: number;
}

/** How far one step along tp moves, as a share of the box. */
const DEPTH = { x: 0.27, y: 0.36 };

export function placesOf({ dp, pp, tp }: Pick<ParallelPlan, Axis>): readonly Place[] {
  const depthX = tp > 1 ? DEPTH.x * (tp > 2 ? 2 / (tp - 1) : 1) : 0;
  const depthY = tp > 1 ? DEPTH.y * (tp > 2 ? 2 / (tp - 1) : 1) : 0;
  const width = 1 - depthX * (tp - 1);
  const height = 1 - depthY * (tp - 1);
  return Array.from({ length: dp * pp * tp }, (_, rank) => {
    const coord = coordOf(rank, { dp, pp, tp });
    const along = (at: number, size: number) => (size > 1 ? at / (size - 1) : 0.5);
    return {
      rank,
      coord,
      x: along(coord.dp, dp) * width + coord.tp * depthX,
      y: along(coord.pp, pp) * height + (tp - 1 - coord.tp) * depthY,
    };
  });
}
