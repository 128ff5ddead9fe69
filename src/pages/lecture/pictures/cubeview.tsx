/** Ranks and links of a mesh. A link is as thick as what it carried in the step, to the root; dashes tell the axes apart. */
import { bytes } from '../../state/format';
import type { Place } from '../models/cube';
import type { Cargo, LinkLoad } from '../models/links';

const W = 800;
const H = 420;
const MARGIN = { x: 90, y: 46 };
const CARGOS: readonly Cargo[] = ['dp', 'pp', 'tp'];

/** Where along a link its figure stands, so that figures of crossing links keep apart. */
const LABEL_AT: Readonly<Record<Cargo, number>> = { dp: 0.64, pp: 0.25, tp: 0.4 };

interface Props {
  readonly places: readonly Place[];
  readonly loads: readonly LinkLoad[];
  readonly label: string;
}

interface Pair {
  readonly a: number;
  readonly b: number;
  readonly cargo: Cargo;
  readonly bytes: number;
}

/** Both directions of a link and one cargo together. */
function pairsOf(loads: readonly LinkLoad[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { from, to, bytes: load } of loads) {
    const [a, b] = from < to ? [from, to] : [to, from];
    for (const cargo of CARGOS) {
      if (load[cargo] === 0) continue;
      const key = `${a} ${b} ${cargo}`;
      pairs.set(key, { a, b, cargo, bytes: (pairs.get(key)?.bytes ?? 0) + load[cargo] });
    }
  }
  return [...pairs.values()];
}

export function CubeView({ places, loads, label }: Props) {
  const pairs = pairsOf(loads);
  const most = Math.max(1, ...pairs.map((pair) => pair.bytes));
  const at = ({ x, y }: Place) => ({ x: MARGIN.x + x * (W - 2 * MARGIN.x), y: MARGIN.y + y * (H - 2 * MARGIN.y) });
  const labelled = pairs.length <= 16;
  return (
    <svg class="cube-view" viewBox={`0 0 ${W} ${H}`} role="img" aria-label={label}>
      {pairs.map((pair) => {
        const [a, b] = [at(places[pair.a]!), at(places[pair.b]!)];
        return (
          <line
            key={`${pair.a} ${pair.b} ${pair.cargo}`}
            class={`cargo-${pair.cargo}`}
            x1={a.x}
            y1={a.y}
            x2={b.x}
            y2={b.y}
            style={{ strokeWidth: `${3 + 9 * Math.sqrt(pair.bytes / most)}px` }}
          />
        );
      })}
      {labelled &&
        pairs.map((pair) => {
          const [a, b] = [at(places[pair.a]!), at(places[pair.b]!)];
          return (
            <text
              key={`${pair.a} ${pair.b} ${pair.cargo}`}
              class="cube-bytes"
              x={a.x + LABEL_AT[pair.cargo] * (b.x - a.x)}
              y={a.y + LABEL_AT[pair.cargo] * (b.y - a.y)}
            >
              {bytes(pair.bytes)}
            </text>
          );
        })}
      {places.map((place) => {
        const { x, y } = at(place);
        return (
          <g key={place.rank} class="cube-rank">
            <rect x={x - 52} y={y - 26} width={104} height={52} rx={9} />
            <text x={x} y={y - 6}>{`Tab ${place.rank}`}</text>
            <text x={x} y={y + 14} class="cube-coord">
              {`d${place.coord.dp} p${place.coord.pp} t${place.coord.tp}`}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
