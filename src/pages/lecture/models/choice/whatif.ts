/** Hypothetical models and clusters: the stops of the sliders, and the question to the planner at given stops. */
import { BYTES_PER_MS_OF_MBIT, type Links } from '../../../../plan/links';
import { deviceOfSpeed } from '../../../../plan/planner';
import type { Device } from '../../../../plan/prediction';
import type { ModelShape } from '../../../../plan/sizes';
import { recordedSizes } from '../../../../train/rank/modelsizes';

/** GPT-2 shapes with tied embeddings: parameters, layers, heads, width, context, vocabulary. */
const SHAPES = [
  ['0.4 M', 8, 4, 64, 64, 83],
  ['10.8 M', 6, 6, 384, 256, 256],
  ['124 M', 12, 12, 768, 1024, 50257],
  ['355 M', 24, 16, 1024, 1024, 50257],
  ['774 M', 36, 20, 1280, 1024, 50257],
  ['1.6 B', 48, 25, 1600, 1024, 50257],
] as const;

export const STOPS = {
  parameters: SHAPES.map(([name]) => name),
  /** Sequences per step. */
  batch: [8, 16, 32, 64, 128],
  devices: [1, 2, 3, 4, 6, 8, 12, 16],
  perMachine: [1, 2, 4, 8],
  /** Mbit/s of one link between devices of one machine. */
  inside: [200, 1000, 10_000, 100_000, 2_400_000],
  /** Mbit/s of one link between machines. */
  rate: [5, 20, 100, 300, 1000, 10_000, 100_000],
  /** Latency between machines in ms; inside a machine it is a tenth of that. */
  latency: [0.1, 0.5, 1, 5, 20, 100],
  /** GB of one device. */
  memory: [0.5, 1, 2, 4, 8, 16, 80],
  /** GFLOP/s of one device. */
  speed: [20, 100, 300, 1000, 5000, 50_000],
} as const;

type Dial = keyof typeof STOPS;
/** By dial: the index of its stop. */
export type Dials = Readonly<Record<Dial, number>>;

export const DIALS = Object.keys(STOPS) as readonly Dial[];

/** The dials for these values of the stops. */
function dialsAt(stops: { readonly [K in Dial]: (typeof STOPS)[K][number] }): Dials {
  const entries = DIALS.map((dial) => [dial, (STOPS[dial] as readonly unknown[]).indexOf(stops[dial])]);
  return Object.fromEntries(entries) as Dials;
}

/** Typical clusters. */
export const CLUSTERS = {
  cards: dialsAt({
    parameters: '774 M',
    batch: 32,
    devices: 8,
    perMachine: 4,
    inside: 2_400_000,
    rate: 10_000,
    latency: 0.1,
    memory: 80,
    speed: 50_000,
  }),
  laptops: dialsAt({
    parameters: '124 M',
    batch: 32,
    devices: 8,
    perMachine: 1,
    inside: 1000,
    rate: 300,
    latency: 5,
    memory: 4,
    speed: 300,
  }),
  tabs: dialsAt({
    parameters: '0.4 M',
    batch: 16,
    devices: 4,
    perMachine: 4,
    // measured on near links of one page: docs/measurements/tabs-of-one-machine.md
    inside: 1000,
    rate: 100,
    latency: 5,
    memory: 1,
    speed: 20,
  }),
  phones: dialsAt({
    parameters: '10.8 M',
    batch: 32,
    devices: 4,
    perMachine: 1,
    inside: 200,
    rate: 20,
    latency: 20,
    memory: 0.5,
    speed: 100,
  }),
} as const satisfies Readonly<Record<string, Dials>>;
export type Preset = keyof typeof CLUSTERS;

const INSIDE_LATENCY = 0.1;

export function nameOfStop(dial: Dial, index: number): string {
  const stop = STOPS[dial][index]!;
  switch (dial) {
    case 'rate':
    case 'inside':
      return rateName(Number(stop));
    case 'latency':
      return `${stop} ms`;
    case 'memory':
      return `${stop} GB`;
    case 'speed':
      return Number(stop) >= 1000 ? `${Number(stop) / 1000} TFLOP/s` : `${stop} GFLOP/s`;
    default:
      return `${stop}`;
  }
}

function rateName(mbit: number): string {
  if (mbit >= 1e6) return `${mbit / 1e6} Tbit/s`;
  return mbit >= 1000 ? `${mbit / 1000} Gbit/s` : `${mbit} Mbit/s`;
}

interface WhatIf {
  readonly workload: { readonly model: ModelShape; readonly globalBatch: number };
  readonly devices: readonly Device[];
  readonly links: Links;
}

export function questionOf(dials: Dials): WhatIf {
  const [, layers, heads, dim, context, vocab] = SHAPES[dials.parameters]!;
  const model: ModelShape = {
    arch: 'gpt2',
    layers,
    heads,
    kvHeads: heads,
    dim,
    hidden: 4 * dim,
    context,
    vocab,
    tieEmbeddings: true,
  };
  const device = deviceOfSpeed(
    recordedSizes(model),
    STOPS.speed[dials.speed]! * 1e6,
    STOPS.memory[dials.memory]! * 1e9,
  );
  const latencyMs = STOPS.latency[dials.latency]!;
  const devices = Array.from({ length: STOPS.devices[dials.devices]! }, () => device);
  const perMachine = STOPS.perMachine[dials.perMachine]!;
  const near = {
    latencyMs: INSIDE_LATENCY * latencyMs,
    bytesPerMs: STOPS.inside[dials.inside]! * BYTES_PER_MS_OF_MBIT,
  };
  return {
    workload: { model, globalBatch: STOPS.batch[dials.batch]! },
    devices,
    links: {
      latencyMs,
      bytesPerMs: STOPS.rate[dials.rate]! * BYTES_PER_MS_OF_MBIT,
      inside: { machines: devices.map((_, rank) => `${Math.floor(rank / perMachine)}`), links: near },
    },
  };
}
