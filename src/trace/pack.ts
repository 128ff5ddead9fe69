/**
 * A compact binary form of trace events, about a tenth of their JSON. Names are stored once per pack, times as
 * differences in microseconds, numbers as varints. Unpacking does not trust its input, which may come from a stranger
 * or a file: it returns null for bad bytes.
 */
import { ByteReader, ByteWriter } from './bytes';
import type { TraceEvent } from './trace';

/** Raised with every change of the format; a pack of another version is refused. */
const PACK_VERSION = 1;
/** Limit for one pack. */
const MAX_PACKED_EVENTS = 65_536;

const LANES = ['host', 'gpu', 'net'] as const;
/** Optional fields of an event, in the order of their flag bits. Text fields hold an index into the pack's texts. */
const NUMBERS = ['unit', 'mb', 'bytes', 'flops', 'chunk'] as const;
const TEXTS = ['peer', 'line'] as const;
const HAS_VALUE = 1 << (NUMBERS.length + TEXTS.length);
const FLAG_BITS = NUMBERS.length + TEXTS.length + 1;

export interface Pack {
  readonly generation: number;
  /** Times are milliseconds since the epoch, on the clock of the rank that packed. */
  readonly events: readonly TraceEvent[];
}

/** Pack `events`, all of one rank. `originMs` (performance.timeOrigin) is added to their times. */
export function packEvents(
  events: readonly TraceEvent[],
  generation: number,
  originMs: number,
): Uint8Array<ArrayBuffer> {
  const texts = new Map<string, number>();
  const textOf = (text: string): number => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, texts.size);
    return texts.size - 1;
  };
  const base = events[0]?.t0 ?? 0;
  const body = new ByteWriter();
  let [step, at] = [0, 0];
  for (const event of events) {
    let flags = LANES.indexOf(event.lane) << FLAG_BITS;
    for (const [bit, field] of NUMBERS.entries()) if (event[field] !== undefined) flags |= 1 << bit;
    for (const [i, field] of TEXTS.entries()) if (event[field] !== undefined) flags |= 1 << (NUMBERS.length + i);
    if (event.value !== undefined) flags |= HAS_VALUE;
    body.varint(flags);
    body.varint(textOf(event.name));
    body.signed(event.step - step);
    const t0 = Math.round((event.t0 - base) * 1000);
    body.signed(t0 - at);
    body.varint(Math.max(0, Math.round((event.t1 - event.t0) * 1000)));
    for (const field of NUMBERS) if (event[field] !== undefined) body.varint(event[field]);
    for (const field of TEXTS) if (event[field] !== undefined) body.varint(textOf(event[field]));
    if (event.value !== undefined) body.float(event.value);
    [step, at] = [event.step, t0];
  }
  const head = new ByteWriter();
  head.varint(PACK_VERSION);
  head.varint(generation);
  head.varint(events[0]?.rank ?? 0);
  head.float(base + originMs);
  head.varint(texts.size);
  for (const text of texts.keys()) head.text(text);
  head.varint(events.length);
  return concat(head.bytes(), body.bytes());
}

/** The events of a pack, or null if the bytes are no valid pack of this version. */
export function unpackEvents(bytes: Uint8Array): Pack | null {
  const from = new ByteReader(bytes);
  if (from.varint() !== PACK_VERSION) return null;
  const [generation, rank, base] = [from.varint(), from.varint(), from.float()];
  const texts: string[] = [];
  for (let left = from.varint(); left > 0 && !from.failed; left--) texts.push(from.text());
  const count = from.varint();
  if (count > MAX_PACKED_EVENTS) return null;
  const events: TraceEvent[] = [];
  let [step, at] = [0, 0];
  for (let i = 0; i < count && !from.failed; i++) {
    const flags = from.varint();
    const lane = LANES[flags >> FLAG_BITS];
    const name = texts[from.varint()];
    step += from.signed();
    at += from.signed();
    const t0 = base + at / 1000;
    const event: { -readonly [K in keyof TraceEvent]: TraceEvent[K] } = {
      step,
      rank,
      lane: lane ?? 'host',
      name: name ?? '',
      t0,
      t1: t0 + from.varint() / 1000,
    };
    if (lane === undefined || name === undefined || step < 0) return null;
    for (const [bit, field] of NUMBERS.entries()) if (flags & (1 << bit)) event[field] = from.varint();
    for (const [bit, field] of TEXTS.entries()) {
      if ((flags & (1 << (NUMBERS.length + bit))) === 0) continue;
      const text = texts[from.varint()];
      if (text === undefined) return null;
      event[field] = text;
    }
    if (flags & HAS_VALUE) event.value = from.float();
    events.push(event);
  }
  return from.failed || !from.atEnd || !Number.isFinite(base) ? null : { generation, events };
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
