/** Models and clusters that are not in the room: the stops of the sliders, and the planner's question they stand for. */
import type { Links } from '../../../plan/links';
import { deviceOfSpeed } from '../../../plan/planner';
import type { Device } from '../../../plan/prediction';
import type { ModelShape } from '../../../plan/sizes';
import { recordedSizes } from '../../../train/rank/modelsizes';

/** GPT-2 shapes, tied, by name of their size. */
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
  devices: [1, 2, 3, 4, 6, 8, 12, 16],
  /** Mbit/s of one link. */
  rate: [5, 20, 100, 300, 1000, 10_000],
  latency: [0.1, 0.5, 1, 5, 20, 100],
  /** GB of one device. */
  memory: [0.5, 1, 2, 4, 8, 16],
  /** GFLOP/s of one device. */
  speed: [20, 100, 300, 1000, 5000],
} as const;

export type Dial = keyof typeof STOPS;
/** Index of a stop by dial. */
export type Dials = Readonly<Record<Dial, number>>;

export const DIALS: readonly Dial[] = ['parameters', 'devices', 'rate', 'latency', 'memory', 'speed'];
export const START: Dials = { parameters: 2, devices: 3, rate: 2, latency: 3, memory: 2, speed: 2 };

const GLOBAL_BATCH = 32;
const BYTES_PER_MS_OF_MBIT = 125;

export function nameOfStop(dial: Dial, index: number): string {
  const stop = STOPS[dial][index]!;
  switch (dial) {
    case 'rate':
      return Number(stop) >= 1000 ? `${Number(stop) / 1000} Gbit/s` : `${stop} Mbit/s`;
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

export function questionOf(dials: Dials): {
  workload: { model: ModelShape; globalBatch: number };
  devices: readonly Device[];
  links: Links;
} {
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
  return {
    workload: { model, globalBatch: GLOBAL_BATCH },
    devices: Array.from({ length: STOPS.devices[dials.devices]! }, () => device),
    links: {
      latencyMs: STOPS.latency[dials.latency]!,
      bytesPerMs: STOPS.rate[dials.rate]! * BYTES_PER_MS_OF_MBIT,
    },
  };
}
