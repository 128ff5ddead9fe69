/**
 * The units of one rank on a device: buffers, prepared lists, host access to flat ranges. Knows no other rank and no
 * program: the executor (train/rank/executor.ts) calls it line by line.
 */
import { PlanError } from '../errors';
import type { MemoryByRole, Place, Tensor } from '../gpu/instr';
import * as k from '../gpu/kernels';
import type { Spot } from '../gpu/memory';
import type { PreparedList, Stream } from '../gpu/stream';
import { Buffers } from './buffers';
import { type Microbatch, sortByToken } from './inputs';
import type { Pass } from './passes';
import { type InstanceOptions, placeInstance } from './placed';
import type { Placement } from './placement';
import { Sampler, type SamplerPlan } from './sampler';
import { prepareSingle } from './single';
import { type CopiedRange, copiedRange } from './split';
import { TiedTable } from './tiedtable';
import type { Unit } from './unit';
import { Update } from './update';

/** The prepared lists of a rank, by purpose. */
interface Lists {
  readonly passes: Map<string, PreparedList>;
  loss: readonly PreparedList[];
}

export class Instance {
  readonly #lists: Lists = { passes: new Map(), loss: [] };
  /** The tied token table; its places exist only where this rank holds it. */
  readonly table: TiedTable;
  readonly update: Update;
  #sampler: Sampler | undefined;

  private constructor(
    readonly stream: Stream,
    readonly options: InstanceOptions,
    readonly placement: Placement,
    private readonly buffers: Buffers,
  ) {
    this.table = new TiedTable(stream, options, placement, (spot) => this.#place(spot));
    this.update = new Update(stream, options, placement, (spot) => this.#place(spot));
  }

  /** Allocate and prepare. Throws PlanError when it does not fit, KernelError for a bug in a kernel. */
  static async create(stream: Stream, options: InstanceOptions): Promise<Instance> {
    const { placement, sampler } = placeInstance(options, stream.device.report.maxBufferBytes);
    const instance = new Instance(stream, options, placement, new Buffers(stream.device, placement.plan));
    await instance.#prepare();
    if (sampler) await instance.#prepareSampler(sampler);
    return instance;
  }

  get units(): readonly Unit[] {
    return this.options.units;
  }

  /** Units of this rank, ascending. */
  get here(): readonly number[] {
    return this.units.map((_, unit) => unit).filter((unit) => this.placement.isHere(unit));
  }

  /** Bytes of the allocated buffers. */
  get bytes(): MemoryByRole {
    return this.buffers.bytes();
  }

  list(unit: number, pass: Pass, mb: number): PreparedList {
    return this.#lists.passes.get(`${unit}/${pass}/${this.placement.slotKey(unit, mb)}`)!;
  }

  /** The list that sums the row losses of microbatch `mb` into `lossPlace[mb]`. It runs right after the head's F. */
  lossList(mb: number): PreparedList {
    return this.#lists.loss[mb]!;
  }

  get lossPlace(): Place {
    const floats = this.options.microbatches;
    return this.#place({ buffer: 'loss', at: 0, floats });
  }

  /** Clear all gradients (encoded). */
  zeroGradients(): void {
    for (const place of this.buffers.named(/^(grad\/|gradWork\/|table\/grad)/)) this.stream.clear(place);
  }

  /** The whole parameters or gradient of a unit, as F and B use them. */
  whole(role: 'param' | 'grad', unit: number): Place {
    return this.#place(this.placement.whole(role, unit));
  }

  /** The parameters that this rank keeps between steps. */
  held(unit: number): Place {
    return this.#place(this.placement.held(unit));
  }

  /** The range that STEP works on; moments are m then v. */
  own(role: 'param' | 'grad' | 'moment', unit: number): Place {
    return this.#place(this.placement.own(role, unit));
  }

  /** Ranges of a unit's flat gradient that must be summed over the tensor-parallel ranks that hold copies of them. */
  copiedGrads(unit: number): readonly CopiedRange[] {
    return this.placement.layouts[unit]!.ranges.flatMap(({ param, at }) => {
      const copied = copiedRange(param.global, param.split, this.options.cut);
      return copied ? [{ ...copied, at: at + copied.at }] : [];
    });
  }

  /** A border tensor of a unit for microbatch `mb`. */
  border(unit: number, which: 'input' | 'output' | 'inputGrad' | 'outputGrad', mb: number): Place {
    const tensor = this.units[unit]![which]!;
    return this.#place(this.placement.locate(unit, tensor, 'F', mb));
  }

  /** Write what embed or head needs of a microbatch into its slot; other units need nothing. */
  writeInputs(unit: number, mb: number, { tokens, targets }: Microbatch): void {
    const write = (name: string, data: Uint32Array) => {
      const slot = mb % this.options.residency.slots[unit]!;
      this.stream.write(this.#place({ buffer: `${name}/${unit}/${slot}`, at: 0, floats: data.length }), data);
    };
    if (unit === 0) {
      const vocab = this.units[0]!.params[0]!.shape[0]!;
      const { order, starts } = sortByToken(tokens, this.options.firstToken, vocab);
      write('tokens', tokens);
      // a frozen table has no gradient that needs them
      if (this.units[0]!.backwardWeight.length === 0) return;
      write('order', order);
      write('starts', starts);
    } else if (unit === this.units.length - 1) write('targets', targets);
  }

  /** The place of a parameter of `unit`'s tape as F reads it, or of the table that it borrows. */
  param(unit: number, param: Tensor): Place {
    return this.#place(this.placement.locate(unit, param, 'F', 0));
  }

  /** Logits [vocab] after the last of `tokens` (at most context of them). Throws PlanError where it is not `sampled`. */
  async logits(tokens: Uint32Array): Promise<Float32Array> {
    if (!this.#sampler)
      throw new PlanError('text is sampled only where a rank holds the whole model: pp 1, tp 1, zero < 3');
    return this.#sampler.logits(tokens);
  }

  /** Give every buffer back. */
  close(): void {
    this.buffers.close();
  }

  #place(spot: Spot): Place {
    return this.buffers.place(spot);
  }

  /** Prepares all lists at once, so that the device compiles its kernels concurrently. */
  async #prepare(): Promise<void> {
    const units = this.here.flatMap((unit) => this.#preparePasses(unit));
    const loss = this.placement.isHere(this.units.length - 1) ? [this.#prepareLoss()] : [];
    await Promise.all([...units, ...loss, this.update.prepare(), this.table.prepare()]);
  }

  #preparePasses(unit: number): Promise<void>[] {
    const passes: readonly Pass[] = this.options.residency.split ? ['F', 'I', 'W'] : ['F', 'B'];
    const slots = new Map<string, { readonly pass: Pass; readonly mb: number }>();
    for (let mb = 0; mb < this.options.microbatches; mb++) {
      for (const pass of passes) {
        const key = `${unit}/${pass}/${this.placement.slotKey(unit, mb)}`;
        if (!slots.has(key)) slots.set(key, { pass, mb });
      }
    }
    return [...slots].map(async ([key, { pass, mb }]) => {
      const placeOf = (tensor: Tensor) => this.#place(this.placement.locate(unit, tensor, pass, mb));
      const label = `${pass} ${this.units[unit]!.name}`;
      this.#lists.passes.set(key, await this.stream.prepare(this.placement.passes(unit).list(pass), placeOf, label));
    });
  }

  async #prepareLoss(): Promise<void> {
    const head = this.units.length - 1;
    const { output } = this.units[head]!;
    const lists = Array.from({ length: this.options.microbatches }, (_, mb) => {
      const x = this.#place(this.placement.locate(head, output, 'F', mb));
      const out = this.#place({ buffer: 'loss', at: mb, floats: 1 });
      return prepareSingle(this.stream, k.sum, { x, out }, { n: output.shape[0]! }, 'loss');
    });
    this.#lists.loss = await Promise.all(lists);
  }

  async #prepareSampler(plan: SamplerPlan): Promise<void> {
    const place = (spot: Spot) => this.#place(spot);
    this.#sampler = await Sampler.create(this.stream, plan, place, (unit, tensor) => this.param(unit, tensor));
  }
}
