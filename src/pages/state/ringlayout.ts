/**
 * Where the ring of peers is drawn: places on a circle in rank order, links bowed outwards between neighbours and
 * straight across otherwise. Pure numbers in a 100 x 100 box around the middle.
 */
interface Point {
  readonly x: number;
  readonly y: number;
}

interface Curve {
  /** SVG path from the rim of one place to the rim of the other. */
  readonly path: string;
  /** Where the link's figure stands. */
  readonly label: Point;
}

const TAU = 2 * Math.PI;
/** Radius of the circle; the rest of the 50 is for figures outside. */
const RING_RADIUS = 34;
/** From the middle of a link to its figure: more outside the ring than inside, where the figures are close together. */
const LABEL_GAP = { outside: 4, inside: 0.5 };

/** Rank 0 on top, clockwise; two ranks lie side by side, one in the middle. */
export function pointOf(rank: number, size: number): Point {
  if (size === 1) return { x: 0, y: 0 };
  const angle = (rank / size) * TAU - (size === 2 ? Math.PI : Math.PI / 2);
  return { x: RING_RADIUS * Math.cos(angle), y: RING_RADIUS * Math.sin(angle) };
}

/** Radius of a place: shrinks so that neighbours never touch. */
export const nodeRadius = (size: number) => Math.min(9, (RING_RADIUS * Math.PI) / (2.6 * Math.max(size, 2)));

/** The link from rank `from` to rank `to`; the two directions of a pair bow apart, so that both can be read. */
export function curveOf(from: number, to: number, size: number): Curve {
  const a = pointOf(from, size);
  const b = pointOf(to, size);
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  const ux = (b.x - a.x) / length;
  const uy = (b.y - a.y) / length;
  // why to the left of its direction: links between clockwise neighbours then bow outwards, and those back bow inwards
  const bow = Math.min(12, 0.28 * length);
  const control = { x: (a.x + b.x) / 2 + uy * bow, y: (a.y + b.y) / 2 - ux * bow };
  const rim = nodeRadius(size) + 1.6;
  const start = towards(a, control, rim);
  const end = towards(b, control, rim);
  const path = `M${at(start)} Q${at(control)} ${at(end)}`;
  const isOutside = uy * (a.x + b.x) - ux * (a.y + b.y) > -1e-9;
  const gap = isOutside ? LABEL_GAP.outside : LABEL_GAP.inside;
  const label = {
    x: (start.x + end.x) / 4 + control.x / 2 + uy * gap,
    y: (start.y + end.y) / 4 + control.y / 2 - ux * gap,
  };
  return { path, label };
}

/** Where the name of a place stands: outside the circle, set from the side that is nearer to the place. */
export function namePoint(rank: number, size: number): Point & { readonly anchor: 'start' | 'middle' | 'end' } {
  const { x, y } = pointOf(rank, size);
  const gap = nodeRadius(size) + 5.5;
  if (size <= 2 || Math.abs(x) < RING_RADIUS / 4) return { x, y: y + (y < -1 ? 3 - gap : gap), anchor: 'middle' };
  const beside = nodeRadius(size) + 2.5;
  return { x: x + Math.sign(x) * beside, y: y + Math.sign(y) * 3, anchor: x > 0 ? 'start' : 'end' };
}

/** The box that holds the places with their names and figures; flatter where two lie side by side. */
export function viewBoxOf(size: number): string {
  if (size <= 2) return '-58 -22 116 44';
  const ys = Array.from({ length: size }, (_, rank) => pointOf(rank, size).y);
  const margin = nodeRadius(size) + 8;
  const top = Math.min(...ys) - margin;
  return `-70 ${top.toFixed(2)} 140 ${(Math.max(...ys) + margin - top).toFixed(2)}`;
}

function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  return { x: from.x + ((to.x - from.x) / length) * distance, y: from.y + ((to.y - from.y) / length) * distance };
}

const at = ({ x, y }: Point) => `${x.toFixed(2)} ${y.toFixed(2)}`;
