/** Ranks and links of a mesh: a panel for each replica or machine, a box for each rank (models/cut/cube.ts). */
import type { Axis, ParallelPlan } from '../../../plan/plan';
import { cubeLayout, lineBetween, machineLayout, pictureHeight, type RankBox } from '../models/cut/cube';
import { type LinkLoad, pairsOf } from '../models/traffic/links';
import { words } from '../words';

const W = 620;
/** The most a picture is enlarged, so that few boxes are as large as many beside them. */
const LARGEST = 1.5;
const THICKEST = 16;
const THINNEST = 2;
/** Boxes of at least this size also name their stage and split. */
const ROOMY = { width: 118, height: 52 };

interface Props {
  readonly plan: Pick<ParallelPlan, Axis>;
  readonly loads: readonly LinkLoad[];
  readonly label: string;
  /** The ranks that hold a part of the followed unit; empty where nothing is followed. */
  readonly lit: readonly number[];
  /** The machine of each rank, of two machines or more; empty where they are not drawn. */
  readonly machines: readonly string[];
}

export function CubeView({ plan, loads, label, lit, machines }: Props) {
  const isByMachine = machines.length > 0;
  const height = pictureHeight(plan.dp * plan.pp * plan.tp, isByMachine);
  const { panels, boxes } = isByMachine ? machineLayout(plan, machines, W, height) : cubeLayout(plan, W, height);
  const hasTitles = isByMachine || (plan.dp > 1 && plan.pp * plan.tp > 1);
  const pairs = pairsOf(loads);
  const most = Math.max(1, ...pairs.map((pair) => pair.bytes));
  const right = Math.max(...panels.map(({ x, width }) => x + width));
  const bottom = Math.max(...panels.map(({ y, height }) => y + height));
  return (
    <svg
      class="cube-view"
      viewBox={`0 0 ${right} ${bottom}`}
      style={{ maxWidth: `${LARGEST * right}px` }}
      role="img"
      aria-label={label}
    >
      {panels.map(({ at, x, y, width, height }) => (
        <g key={at} class={isByMachine ? 'cube-machine' : 'cube-panel'}>
          <rect x={x + 1} y={y + 1} width={width - 2} height={height - 2} rx={10} />
        </g>
      ))}
      {pairs.map(({ a, b, cargo, bytes }) => (
        <line
          key={`${a} ${b} ${cargo}`}
          class={`cargo-${cargo}`}
          {...lineBetween(boxes[a]!, boxes[b]!, boxes)}
          style={{ strokeWidth: `${Math.max(THINNEST, (THICKEST * bytes) / most)}px` }}
        />
      ))}
      {panels.map(({ at, x, y }) => (
        <text key={at} class="cube-replica" x={x + 14} y={y + 24}>
          {hasTitles ? (isByMachine ? words.cube.machine(at) : words.cube.replica(at)) : ''}
        </text>
      ))}
      {boxes.map((box) => (
        <Rank
          key={box.rank}
          box={box}
          names={isByMachine ? axesOf(box, plan) : namesOf(box, plan)}
          isLit={lit.includes(box.rank)}
        />
      ))}
    </svg>
  );
}

/** The coordinates of a rank in its replica. */
function namesOf({ coord }: RankBox, { pp, tp }: Pick<ParallelPlan, Axis>): string {
  return [pp > 1 ? words.cube.stage(coord.pp) : '', tp > 1 ? `split ${coord.tp}` : ''].filter(Boolean).join(', ');
}

/** All coordinates of a rank. */
function axesOf({ coord }: RankBox, plan: Pick<ParallelPlan, Axis>): string {
  const axes = (['dp', 'pp', 'tp'] as const).filter((axis) => plan[axis] > 1);
  return axes.map((axis) => `${axis} ${coord[axis]}`).join(' ');
}

interface RankProps {
  readonly box: RankBox;
  readonly names: string;
  readonly isLit: boolean;
}

function Rank({ box, names, isLit }: RankProps) {
  const { x, y, width, height, rank } = box;
  const isRoomy = width >= ROOMY.width && height >= ROOMY.height && names !== '';
  const middle = x + width / 2;
  return (
    <g class={isLit ? 'cube-rank lit' : 'cube-rank'}>
      <rect x={x} y={y} width={width} height={height} rx={7} />
      <text x={middle} y={y + height / 2 - (isRoomy ? 11 : 0)}>
        {width < 70 ? rank : words.tab(rank)}
      </text>
      {isRoomy && (
        <text x={middle} y={y + height / 2 + 14} class="cube-coord">
          {names}
        </text>
      )}
    </g>
  );
}
