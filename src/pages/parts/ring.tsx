/**
 * The ring of peers in rank order. Figures stand only on the links of this tab, because only those are measured here;
 * links between others are drawn thin and without a figure.
 */
import { messages } from '../messages';
import { bytes } from '../state/format';
import type { LinkRate } from '../state/linkmeter';
import { curveOf, namePoint, nodeRadius, pointOf, viewBoxOf } from '../state/ringlayout';
import type { PeerId } from '../tab';

export interface RingPeer {
  readonly peer: PeerId;
  readonly name: string;
  readonly me: boolean;
}

interface Props {
  /** In rank order. */
  readonly peers: readonly RingPeer[];
  readonly rates: ReadonlyMap<PeerId, LinkRate>;
  /** The newest step, null while none is trained: the dashes of this tab's links move on with it. */
  readonly step: number | null;
}

/**
 * Units of the drawing that the dashes move by with a step. Why no CSS animation: it draws 60 frames a second, which took
 * three tenths of two cores from four tabs that train.
 */
const DASH_PER_STEP = 2;
/** Length of a dash and its gap (parts.css). */
const DASH_LENGTH = 5;

/** Above this many ranks only numbers fit. */
const NAMED_SIZE = 8;

interface Link {
  readonly from: number;
  readonly to: number;
  /** Bytes per step, null where this tab does not measure. */
  readonly sent: number | null;
}

/** Every ring neighbour link, and this tab's other links that carry bytes (the direct form of a collective). */
export function ringLinks(peers: readonly RingPeer[], rates: ReadonlyMap<PeerId, LinkRate>): readonly Link[] {
  const size = peers.length;
  if (size < 2) return [];
  const me = peers.findIndex((peer) => peer.me);
  const sentOf = (from: number, to: number): number | null => {
    if (from === me) return rates.get(peers[to]!.peer)?.sentPerStep ?? null;
    if (to === me) return rates.get(peers[from]!.peer)?.receivedPerStep ?? null;
    return null;
  };
  const pairs = new Map<string, Link>();
  const add = (from: number, to: number) => pairs.set(`${from} ${to}`, { from, to, sent: sentOf(from, to) });
  for (let rank = 0; rank < size; rank++) add(rank, (rank + 1) % size);
  for (let rank = 0; rank < size && me >= 0; rank++) {
    if ((sentOf(me, rank) ?? 0) > 0) add(me, rank);
    if ((sentOf(rank, me) ?? 0) > 0) add(rank, me);
  }
  return [...pairs.values()];
}

export function Ring({ peers, rates, step }: Props) {
  const size = peers.length;
  const radius = nodeRadius(size);
  const links = ringLinks(peers, rates);
  return (
    <figure class="ring">
      <svg
        viewBox={viewBoxOf(size)}
        role="img"
        aria-label={messages.ring.describe(size)}
        class={step === null ? '' : 'ring-live'}
        style={{ strokeDashoffset: -(((step ?? 0) * DASH_PER_STEP) % DASH_LENGTH) }}
      >
        <defs>
          <marker id="ring-arrow" viewBox="0 0 6 6" refX="4.4" refY="3" markerWidth="4" markerHeight="4" orient="auto">
            <path d="M0 0.6 L5 3 L0 5.4 Z" class="ring-tip" />
          </marker>
        </defs>
        {links.map(({ from, to, sent }) => {
          const { path } = curveOf(from, to, size);
          const kind = sent === null ? 'ring-link' : 'ring-link ring-own';
          return <path key={`${from} ${to}`} d={path} class={kind} marker-end="url(#ring-arrow)" />;
        })}
        {peers.map(({ peer, name, me }, rank) => {
          const { x, y } = pointOf(rank, size);
          return (
            <g key={peer} class={me ? 'ring-node ring-me' : 'ring-node'}>
              <circle cx={x} cy={y} r={radius} />
              <text x={x} y={y} class="ring-rank" style={{ fontSize: `${Math.min(7, radius * 0.8)}px` }}>
                {rank}
              </text>
              {size <= NAMED_SIZE && <Name rank={rank} size={size} text={me ? messages.ring.you : shortName(name)} />}
            </g>
          );
        })}
        {links.map(({ from, to, sent }) => {
          if (sent === null || size > NAMED_SIZE) return null;
          const { label } = curveOf(from, to, size);
          return (
            <text key={`${from} ${to}`} x={label.x} y={label.y} class="ring-bytes">
              {bytes(sent)}
            </text>
          );
        })}
      </svg>
      <figcaption>{size < 2 ? messages.ring.alone : messages.ring.legend}</figcaption>
      <LinkTable peers={peers} rates={rates} />
    </figure>
  );
}

function Name({ rank, size, text }: { readonly rank: number; readonly size: number; readonly text: string }) {
  const { x, y, anchor } = namePoint(rank, size);
  return (
    <text x={x} y={y} class={`ring-name anchor-${anchor}`}>
      {text}
    </text>
  );
}

const shortName = (name: string) => ([...name].length > 10 ? `${[...name].slice(0, 9).join('')}…` : name);

function LinkTable({ peers, rates }: Pick<Props, 'peers' | 'rates'>) {
  const rows = peers.filter(({ peer }) => rates.has(peer));
  if (rows.length === 0) return null;
  return (
    <div class="visually-hidden">
      <table>
        <caption>{messages.ring.table}</caption>
        <thead>
          <tr>
            <th scope="col">{messages.ring.peer}</th>
            <th scope="col">{messages.ring.sent}</th>
            <th scope="col">{messages.ring.received}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ peer, name }) => (
            <tr key={peer}>
              <th scope="row">{name}</th>
              <td>{messages.ring.perStep(bytes(rates.get(peer)!.sentPerStep))}</td>
              <td>{messages.ring.perStep(bytes(rates.get(peer)!.receivedPerStep))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
