/**
 * The logits after a text: one sequence through a forward-only recording that shares the parameter buffers. For ranks
 * that hold the whole model; has scratch of its own, so it may run between any two lines.
 */
import type { Instr, Place, Tensor } from '../gpu/instr';
import { xent } from '../gpu/kernels';
import { floatsIn, type MemoryPlan, ScratchPool, type Spot } from '../gpu/memory';
import type { PreparedList, Stream } from '../gpu/stream';
import { type ModelConfig, recordModel } from './model';
import type { Unit } from './tape';

export class SamplerPlan {
  readonly units: readonly Unit[];
  readonly #scratch: ReadonlyMap<Tensor, number>[];

  constructor(config: ModelConfig, plan: MemoryPlan) {
    this.units = recordModel(config, 1);
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

  /** The forward of a unit; the head's ends with its logits. */
  list(unit: number): readonly Instr[] {
    return this.units[unit]!.forward.filter((line) => line.do !== 'run' || line.kernel !== xent);
  }

  /** Where a tensor lies; undefined for parameters, which are the training's. */
  locate(unit: number, tensor: Tensor): Spot | undefined {
    const { input, output } = this.units[unit]!;
    const spot = (buffer: string): Spot => ({ buffer: `sample/${buffer}`, at: 0, floats: floatsIn(tensor) });
    if (tensor.role === 'param') return undefined;
    if (tensor.role === 'input') return spot(tensor.name);
    if (tensor === input) return spot(`x${unit % 2}`);
    if (tensor === output && tensor.role === 'border') return spot(`x${(unit + 1) % 2}`);
    return spot(`scratch/${this.#scratch[unit]!.get(tensor)!}`);
  }

  /** The head's logits, [context, vocab]. */
  get logits(): Spot {
    const head = this.units.length - 1;
    const last = this.list(head).at(-1)!;
    if (last.do !== 'run') throw new Error('the head ends with a collective: it cannot sample');
    return this.locate(head, last.bind.out!)!;
  }
}

export class Sampler {
  readonly #lists: PreparedList[] = [];

  private constructor(
    readonly stream: Stream,
    readonly tokens: Place,
    readonly logitsPlace: Place,
  ) {}

  /** `place` gives planned buffers, `param` the training's parameters. */
  static async create(
    stream: Stream,
    plan: SamplerPlan,
    place: (spot: Spot) => Place,
    param: (unit: number, tensor: Tensor) => Place,
  ): Promise<Sampler> {
    const tokens = place(plan.locate(0, plan.units[0]!.input)!);
    const sampler = new Sampler(stream, tokens, place(plan.logits));
    for (const [unit, { name }] of plan.units.entries()) {
      const placeOf = (tensor: Tensor) => {
        const spot = plan.locate(unit, tensor);
        return spot ? place(spot) : param(unit, tensor);
      };
      sampler.#lists.push(await stream.prepare(plan.list(unit), placeOf, `sample ${name}`));
    }
    return sampler;
  }

  /** Logits [vocab] after the last of `tokens`, at most the context of them. */
  async logits(tokens: Uint32Array): Promise<Float32Array> {
    const padded = new Uint32Array(this.tokens.floats);
    padded.set(tokens);
    this.stream.write(this.tokens, padded);
    for (const list of this.#lists) this.stream.encode(list);
    const vocab = this.logitsPlace.floats / this.tokens.floats;
    return this.stream.read({ ...this.logitsPlace, at: (tokens.length - 1) * vocab, floats: vocab });
  }
}
