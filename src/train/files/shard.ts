/**
 * A part of a training state as a self-describing safetensors file. Each tensor `kind/unit/parameter` is a flat list of
 * elements; the metadata say which slices of the parameter they are. So every plan can read what every other plan
 * wrote, and a new kind of state needs only another prefix.
 */
import * as v from 'valibot';
import { InputError } from '../../errors';
import type { ModelConfig } from '../../model/config';
import type { ByteSink, ByteSource } from '../../storage/bytes';
import { addressKind, type Elements, OUTER_KINDS, piecesOf, STATE_KINDS, type StateKind } from '../state/elements';
import { type WholeParam, wholeModel } from '../state/holding';
import { type Interval, type Intervals, intersect, rankIn, scatter, sizeOf, subtract, union } from '../state/intervals';
import type { Addresses } from '../state/reshard';
import type { OuterFacts } from '../state/state';
import { readHeader, safetensorsHeader } from './safetensors';

/**
 * `times` runs of `floats` elements: the first begins at `from` of the flattened parameter, each next one `stride`
 * elements after the beginning of the one before.
 */
type SliceGroup = readonly [from: number, floats: number, stride: number, times: number];

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const apartSchema = v.object({ replica: count, samples: v.array(count), made: count, since: count });
const slicesSchema = v.record(v.string(), v.array(v.tuple([count, count, count, count])));

interface Named {
  readonly kind: StateKind;
  readonly name: string;
  /** Addresses of its elements, in file order. */
  readonly held: Intervals;
}

/** Replicas that train apart (DiLoCo) keep states of their own, beside what they share. */
interface Apart extends OuterFacts {
  /** The replica that the parameters and moments of a shard belong to. */
  readonly replica: number;
}

/** What a rank keeps of a state. */
export interface KeptShare extends Addresses {
  /** Addresses of the outer kinds, if replicas train apart. */
  readonly outer?: Intervals;
  readonly apart?: Apart;
}

/** The tensors of a file that holds `own`. */
function tensorsOf(params: readonly WholeParam[], own: KeptShare): readonly (Named & { readonly base: number })[] {
  const kinds = [
    ...STATE_KINDS.map((kind) => ({ kind, addresses: own[addressKind(kind)] })),
    ...OUTER_KINDS.map((kind) => ({ kind, addresses: own.outer ?? [] })),
  ];
  return kinds.flatMap(({ kind, addresses }) =>
    params.flatMap(({ unitName, name, at, floats }) => {
      const held = intersect(addresses, [{ from: at, to: at + floats }]);
      return held.length === 0 ? [] : [{ kind, name: `${kind}/${unitName}/${name}`, held, base: at }];
    }),
  );
}

/** Write the elements `own` of `source` to `sink`, in pieces. Does not close the sink. */
export async function writeShard(config: ModelConfig, own: KeptShare, source: Elements, sink: ByteSink): Promise<void> {
  const tensors = tensorsOf(wholeModel(config), own);
  const slices = Object.fromEntries(tensors.map(({ name, held, base }) => [name, groupsOf(held, base)]));
  const shapes = tensors.map(({ name, held }) => ({ name, shape: [sizeOf(held)] }));
  const apart = own.apart && { apart: JSON.stringify(own.apart) };
  await sink.write(safetensorsHeader(shapes, { slices: JSON.stringify(slices), ...apart }));
  for (const { kind, held } of tensors) {
    for (const piece of piecesOf(held)) await sink.write(new Uint8Array((await source.read(kind, piece)).buffer));
  }
}

/** Groups runs of equal length at equal distances. */
function groupsOf(runs: Intervals, base: number): readonly SliceGroup[] {
  const groups: [number, number, number, number][] = [];
  for (const { from, to } of runs) {
    const last = groups.at(-1);
    const at = from - base;
    const distance = last ? at - (last[0] + last[2] * (last[3] - 1)) : 0;
    const continues = last && last[1] === to - from && (last[3] === 1 || last[2] === distance);
    if (continues) {
      last[2] = distance;
      last[3] += 1;
    } else groups.push([at, to - from, 0, 1]);
  }
  return groups;
}

interface Stored {
  readonly held: Intervals;
  /** First byte of the tensor in the file. */
  readonly at: number;
}

/** A shard that can be read by address. */
export class Shard implements Elements {
  readonly #held: ReadonlyMap<StateKind, Intervals>;

  private constructor(
    readonly source: ByteSource,
    /** By kind: one entry per tensor, sorted by address. */
    private readonly stored: ReadonlyMap<StateKind, readonly Stored[]>,
    /** Set if replicas train apart. */
    readonly apart: Apart | undefined,
  ) {
    this.#held = new Map([...stored].map(([kind, list]) => [kind, union(list.flatMap(({ held }) => held))]));
  }

  /** Read the header. Throws InputError naming `name` if the file is broken or of another model. */
  static async open(config: ModelConfig, name: string, source: ByteSource): Promise<Shard> {
    const { tensors, metadata, dataAt } = await readHeader(source);
    const slices = slicesOf(name, metadata.slices);
    const params = new Map(wholeModel(config).map((param) => [`${param.unitName}/${param.name}`, param]));
    const stored = new Map<StateKind, Stored[]>([...STATE_KINDS, ...OUTER_KINDS].map((kind) => [kind, []]));
    for (const tensor of tensors) {
      const slash = tensor.name.indexOf('/');
      const list = stored.get(tensor.name.slice(0, slash) as StateKind);
      // why not an error: this version does not need a kind of state that it does not know
      if (!list) continue;
      const param = params.get(tensor.name.slice(slash + 1));
      if (!param) throw new InputError(`${name} has a tensor ${tensor.name}, which the run's model has not`);
      const held = runsOf(slices[tensor.name] ?? [], param);
      if (tensor.dtype !== 'F32' || 4 * sizeOf(held) !== tensor.to - tensor.from) {
        throw new InputError(
          `${name} has ${tensor.to - tensor.from} bytes of ${tensor.name} and the slices of ${4 * sizeOf(held)}: it is broken or of another model`,
        );
      }
      list.push({ held, at: dataAt + tensor.from });
    }
    for (const list of stored.values()) list.sort((a, b) => a.held[0]!.from - b.held[0]!.from);
    return new Shard(source, stored, apartOf(name, metadata.apart));
  }

  holds(kind: StateKind): Intervals {
    return this.#held.get(kind)!;
  }

  async read(kind: StateKind, wanted: Intervals): Promise<Float32Array<ArrayBuffer>> {
    const out = new Float32Array(sizeOf(wanted));
    for (const { held, at } of this.stored.get(kind)!) {
      const here = intersect(held, wanted);
      if (here.length === 0) continue;
      const [first, last] = [rankIn(held, here[0]!.from), rankIn(held, here.at(-1)!.to - 1)];
      const values = new Float32Array((await this.source.read(at + 4 * first, at + 4 * (last + 1))).buffer);
      for (const run of here) {
        const start = rankIn(held, run.from) - first;
        scatter(out, wanted, [run], values.subarray(start, start + run.to - run.from));
      }
    }
    return out;
  }
}

/** Reads elements from several shards. Throws InputError for elements that no shard has. */
export function elementsOf(shards: readonly Shard[]): Elements {
  return {
    async read(kind, wanted) {
      const out = new Float32Array(sizeOf(wanted));
      let missing = wanted;
      for (const shard of shards) {
        const here = intersect(missing, shard.holds(kind));
        if (here.length === 0) continue;
        scatter(out, wanted, here, await shard.read(kind, here));
        missing = subtract(missing, here);
      }
      if (missing.length > 0) throw new InputError(`the checkpoint lacks ${sizeOf(missing)} elements of ${kind}`);
      return out;
    },
  };
}

/** A state that was kept. */
export interface Kept {
  /** The state of all replicas. If they train apart: the outer parameters, and the moments of the first replica. */
  readonly shared: Elements;
  /** The replicas that train apart, by number; empty if all have the same state. */
  readonly replicas: ReadonlyMap<number, { readonly facts: OuterFacts; readonly elements: Elements }>;
}

/** The state in the shards of all its ranks. */
export function keptOf(shards: readonly Shard[]): Kept {
  const all = elementsOf(shards);
  const numbers = [...new Set(shards.flatMap(({ apart }) => (apart ? [apart.replica] : [])))].sort((a, b) => a - b);
  const replicas = new Map(
    numbers.map((number) => {
      const mine = shards.filter(({ apart }) => apart?.replica === number);
      const { replica: _, ...facts } = mine[0]!.apart!;
      return [number, { facts, elements: elementsOf(mine) }] as const;
    }),
  );
  const first = replicas.get(numbers[0]!);
  const shared: Elements = first
    ? {
        read(kind, wanted) {
          if (kind === 'mean' || kind === 'square') return first.elements.read(kind, wanted);
          return all.read(kind === 'param' ? 'anchor' : kind, wanted);
        },
      }
    : all;
  return { shared, replicas };
}

function apartOf(name: string, text: string | undefined): Apart | undefined {
  try {
    return text === undefined ? undefined : v.parse(apartSchema, JSON.parse(text));
  } catch {
    throw new InputError(`${name} is no part of a checkpoint: it does not say how far its replica is`);
  }
}

function slicesOf(name: string, text: string | undefined): v.InferOutput<typeof slicesSchema> {
  try {
    return v.parse(slicesSchema, JSON.parse(text ?? ''));
  } catch {
    throw new InputError(`${name} is no part of a checkpoint: its metadata has no list of slices`);
  }
}

/** Throws InputError for a slice that goes beyond the parameter. */
function runsOf(groups: readonly SliceGroup[], { name, at, floats }: WholeParam): Intervals {
  const runs: Interval[] = [];
  for (const [from, length, stride, times] of groups) {
    if (from + stride * Math.max(0, times - 1) + length > floats || times > floats) {
      throw new InputError(`a slice of ${name} ends beyond its ${floats} elements: the checkpoint is of another model`);
    }
    for (let i = 0; i < times; i++) runs.push({ from: at + from + i * stride, to: at + from + i * stride + length });
  }
  const merged = union(runs);
  if (sizeOf(merged) !== runs.reduce((sum, { from, to }) => sum + to - from, 0)) {
    throw new InputError(`two slices of ${name} overlap: the checkpoint is broken`);
  }
  return merged;
}
