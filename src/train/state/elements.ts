/**
 * Elements of the model by address, wherever they are: on a device, in a state on the host, in files. They are read and
 * written in pieces, so no operation needs a second copy of the model.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { ModelConfig } from '../../model/config';
import { initialValue } from '../../model/init';
import { type Holding, type Part, wholeModel } from './holding';
import { type Interval, type Intervals, sizeOf } from './intervals';
import { emptyState, type OuterFacts, type RankState, readRuns } from './state';

/** Parameters, and the first and second moment of AdamW. */
export const STATE_KINDS = ['param', 'mean', 'square'] as const;
/** DiLoCo: the outer parameters and their momentum, which all replicas share. */
export const OUTER_KINDS = ['anchor', 'momentum'] as const;

export type StateKind = (typeof STATE_KINDS)[number] | (typeof OUTER_KINDS)[number];

/** The addresses that elements of a kind have. */
export const addressKind = (kind: StateKind): 'param' | 'moment' =>
  kind === 'mean' || kind === 'square' ? 'moment' : 'param';

/** The part of a holding that says where elements of a kind are. */
export const partOf = (holding: Holding, kind: StateKind): Part => holding[addressKind(kind)];

export interface Elements {
  /** The elements at the addresses `wanted`, one run after the other. All of them must be there. */
  read(kind: StateKind, wanted: Intervals): Promise<Float32Array<ArrayBuffer>>;
}

/** A rank's arrays, one per unit and kind, read and written in parts (see RankModel). */
interface Arrays {
  readPart(kind: StateKind, unit: number, at: number, floats: number): Promise<Float32Array>;
  writePart(kind: StateKind, unit: number, at: number, values: Float32Array): Promise<void>;
}

/** 4 MB: small compared with any model, but so large that the overhead of one device read does not matter. */
export const STATE_PIECE_FLOATS = 1 << 20;

/** `wanted` cut into pieces of at most `maxFloats` elements, in order. */
export function piecesOf(wanted: Intervals, maxFloats = STATE_PIECE_FLOATS): readonly Intervals[] {
  const pieces: Interval[][] = [];
  let room = 0;
  for (const { from, to } of wanted) {
    for (let at = from; at < to; ) {
      if (room === 0) {
        pieces.push([]);
        room = maxFloats;
      }
      const end = Math.min(to, at + room);
      pieces.at(-1)!.push({ from: at, to: end });
      room -= end - at;
      at = end;
    }
  }
  return pieces;
}

/** The elements of a state on the host. */
export function stateElements(state: RankState, holding: Holding): Elements {
  const all = { ...state.outer, ...state };
  return { read: async (kind, wanted) => readRuns(all[kind]!, partOf(holding, kind), wanted) };
}

/** The initial weights of every run with this seed; moments are zero. */
export function seedElements(config: ModelConfig, seed: number): Elements {
  const params = wholeModel(config);
  return {
    async read(kind, wanted) {
      const out = new Float32Array(sizeOf(wanted));
      let offset = 0;
      for (const { from, to } of kind === 'param' ? wanted : []) {
        for (const { unitName, name, at, floats, shape } of params) {
          const [first, end] = [Math.max(at, from), Math.min(at + floats, to)];
          if (first >= end) continue;
          const value = initialValue(seed, config.layers, unitName, name, shape);
          for (let address = first; address < end; address++) out[offset + address - from] = value(address - at);
        }
        offset += to - from;
      }
      return out;
    },
  };
}

/** The elements that a rank holds on its device. */
export function rankElements(arrays: Pick<Arrays, 'readPart'>, holding: Holding): Elements {
  return {
    async read(kind, wanted) {
      const out = new Float32Array(sizeOf(wanted));
      for (const { unit, at, floats, runs } of stretchesOf(partOf(holding, kind), wanted)) {
        const values = await arrays.readPart(kind, unit, at, floats);
        for (const run of runs) {
          out.set(values.subarray(run.local - at, run.local - at + run.floats), run.offset);
        }
      }
      return out;
    },
  };
}

/** Replace all elements of `kinds` that a rank holds by those of `source`. */
export async function fill(
  arrays: Pick<Arrays, 'writePart'>,
  holding: Holding,
  kinds: readonly StateKind[],
  source: Elements,
): Promise<void> {
  for (const kind of kinds) {
    const part = partOf(holding, kind);
    for (const piece of piecesOf(part.held)) {
      const values = await source.read(kind, piece);
      for (const { unit, at, floats, runs } of stretchesOf(part, piece)) {
        const stretch = new Float32Array(floats);
        for (const run of runs) {
          stretch.set(values.subarray(run.offset, run.offset + run.floats), run.local - at);
        }
        await arrays.writePart(kind, unit, at, stretch);
      }
    }
  }
}

/** SHA-256 (hex) over the parameters at `wanted`, in order, as little-endian float32. */
export async function hashOf(elements: Elements, wanted: Intervals): Promise<string> {
  // why not crypto.subtle: it needs all bytes at once
  const hash = sha256.create();
  for (const piece of piecesOf(wanted)) hash.update(new Uint8Array((await elements.read('param', piece)).buffer));
  return bytesToHex(hash.digest());
}

/** All elements of `holding`, read from `source` into a state on the host. `facts`: those of a replica apart. */
export async function stateFrom(source: Elements, holding: Holding, facts?: OuterFacts): Promise<RankState> {
  const state = emptyState(holding);
  const zeros = () => emptyState(holding).param;
  const outer = facts && {
    anchor: zeros(),
    momentum: zeros(),
    samples: facts.samples,
    made: facts.made,
    since: facts.since,
  };
  const all = { ...outer, ...state };
  const arrays: Pick<Arrays, 'writePart'> = {
    writePart: async (kind, unit, at, values) => all[kind]!.get(unit)!.set(values, at),
  };
  await fill(arrays, holding, outer ? [...STATE_KINDS, ...OUTER_KINDS] : STATE_KINDS, source);
  return outer ? { ...state, outer } : state;
}

/** Contiguous elements of a unit's array. */
interface Stretch {
  readonly unit: number;
  readonly at: number;
  readonly floats: number;
  /** Its runs: their index in the unit's array, and their offset among the wanted elements. */
  readonly runs: readonly { readonly local: number; readonly offset: number; readonly floats: number }[];
}

/** Where the addresses `wanted` (all of them held) are in the arrays, as the fewest stretches without a gap. */
function stretchesOf({ spans }: Part, wanted: Intervals): readonly Stretch[] {
  const runs: { unit: number; local: number; offset: number; floats: number }[] = [];
  let offset = 0;
  for (const { from, to } of wanted) {
    for (let s = firstEndingAfter(spans, from); s < spans.length && spans[s]!.at < to; s++) {
      const span = spans[s]!;
      const first = Math.max(span.at, from);
      const floats = Math.min(span.at + span.floats, to) - first;
      runs.push({ unit: span.unit, local: span.local + first - span.at, offset: offset + first - from, floats });
    }
    offset += to - from;
  }
  const stretches: { unit: number; at: number; floats: number; runs: typeof runs }[] = [];
  for (const run of runs.sort((a, b) => a.unit - b.unit || a.local - b.local)) {
    const last = stretches.at(-1);
    if (last && last.unit === run.unit && last.at + last.floats === run.local) {
      last.floats += run.floats;
      last.runs.push(run);
    } else stretches.push({ unit: run.unit, at: run.local, floats: run.floats, runs: [run] });
  }
  return stretches;
}

/** Index of the first span that ends after `address`. Spans are sorted by address and do not overlap. */
function firstEndingAfter(spans: Part['spans'], address: number): number {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.at + spans[middle]!.floats <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
