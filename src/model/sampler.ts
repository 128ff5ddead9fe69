/**
 * Computes the logits after a text: one sequence through a forward-only recording that shares the parameter buffers.
 * Only for ranks that hold the whole model. It has its own scratch buffers, so it may run between any two lines.
 */
import type { Instr, Place, Tensor } from '../gpu/instr';
import { matmul } from '../gpu/kernels';
import { floatsIn, type MemoryPlan, ScratchPool, type Spot } from '../gpu/memory';
import type { PreparedList, Stream } from '../gpu/stream';
import type { ModelConfig } from './config';
import { recordModel } from './model';
import type { Unit } from './unit';

export class SamplerPlan {
  readonly units: readonly Unit[];
  readonly #scratch: ReadonlyMap<Tensor, number>[];
  readonly #head: readonly Instr[];

  constructor(config: ModelConfig, plan: MemoryPlan) {
    this.units = recordModel(config, 1);
    this.#head = headOf(this.units.at(-1)!);
    const pool = new ScratchPool();
    const byTape = new Map<readonly Instr[], ReadonlyMap<Tensor, number>>();
    this.#scratch = this.units.map(({ forward }, unit) => {
      const known =
        byTape.get(forward) ?? pool.assign(this.list(unit), ({ role }) => role === 'scratch' || role === 'saved');
      byTape.set(forward, known);
      return known;
    });
    for (const [i, floats] of pool.sizes.entries()) plan.need(`sample/scratch/${i}`, 'scratch', floats);
    this.units.forEach((_, unit) => {
      for (const line of this.list(unit)) {
        if (line.do !== 'run') continue;
        for (const tensor of Object.values(line.bind)) {
          const spot = this.locate(unit, tensor);
          if (spot) plan.need(spot.buffer, 'scratch', spot.floats);
        }
      }
    });
  }

  /** The forward of a unit; the head's ends with the logits of one row (see Sampler.logits). */
  list(unit: number): readonly Instr[] {
    return unit === this.units.length - 1 ? this.#head : this.units[unit]!.forward;
  }

  /** Where a tensor lies; undefined for parameters, which are in the buffers of training. */
  locate(unit: number, tensor: Tensor): Spot | undefined {
    const { input, output } = this.units[unit]!;
    const spot = (buffer: string): Spot => ({ buffer: `sample/${buffer}`, at: 0, floats: floatsIn(tensor) });
    if (tensor.role === 'param') return undefined;
    if (tensor.role === 'input') return spot(tensor.name);
    if (tensor === input) return spot(`x${unit % 2}`);
    if (tensor === output && tensor.role === 'border') return spot(`x${(unit + 1) % 2}`);
    return spot(`scratch/${this.#scratch[unit]!.get(tensor)!}`);
  }

  /** The logits [1, vocab]. */
  get logits(): Spot {
    const last = this.#head.at(-1)!;
    if (last.do !== 'run') throw new Error('the head ends with a collective: it cannot sample');
    return this.locate(this.units.length - 1, last.bind.out!)!;
  }
}

/** The head's forward up to the first use of the table, then the product of one row with the table. */
function headOf({ forward, logits }: Unit): readonly Instr[] {
  const { x, table } = logits!;
  const [V, C] = table.shape as readonly [number, number];
  const isTable = ({ role, name }: Tensor) => role === 'param' && name === table.name;
  const end = forward.findIndex((line) => line.do === 'run' && Object.values(line.bind).some(isTable));
  const out: Tensor = { name: 'logits of a row', shape: [1, V], role: 'scratch', type: 'f32' };
  const product = { kernel: matmul, bind: { a: x, b: table, out }, params: { M: 1, N: V, K: C }, knobs: { TB: 1 } };
  return [...forward.slice(0, end), { do: 'run', ...product }];
}

export class Sampler {
  readonly #lists: PreparedList[] = [];

  private constructor(
    readonly stream: Stream,
    readonly tokens: Place,
    readonly logitsPlace: Place,
    /** Floats of one row of the table's input. */
    readonly width: number,
  ) {}

  /** `place` gives planned buffers, `param` the training's parameters. */
  static async create(
    stream: Stream,
    plan: SamplerPlan,
    place: (spot: Spot) => Place,
    param: (unit: number, tensor: Tensor) => Place,
  ): Promise<Sampler> {
    const tokens = place(plan.locate(0, plan.units[0]!.input)!);
    const sampler = new Sampler(stream, tokens, place(plan.logits), plan.units.at(-1)!.logits!.table.shape[1]!);
    for (const [unit, { name }] of plan.units.entries()) {
      const placeOf = (tensor: Tensor) => {
        const spot = plan.locate(unit, tensor);
        return spot ? place(spot) : param(unit, tensor);
      };
      sampler.#lists.push(await stream.prepare(plan.list(unit), placeOf, `sample ${name}`));
    }
    return sampler;
  }

  /** Logits [vocab] after the last of `tokens`, which are at most `context` many. */
  async logits(tokens: Uint32Array): Promise<Float32Array> {
    const padded = new Uint32Array(this.tokens.floats);
    padded.set(tokens);
    this.stream.write(this.tokens, padded);
    this.stream.setParams(this.#lists.at(-1)!, { aAt: (tokens.length - 1) * this.width });
    for (const list of this.#lists) this.stream.encode(list);
    return this.stream.read(this.logitsPlace);
  }
}
