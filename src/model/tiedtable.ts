/**
 * The tied token table on a rank. `embed` owns it and `head` reads it, here or on another rank. Encodes the additions
 * of its gradients, in an order that every plan shares (docs/decisions/007 and 008).
 */
import type { Place } from '../gpu/instr';
import * as k from '../gpu/kernels';
import type { Spot } from '../gpu/memory';
import type { PreparedList, Stream } from '../gpu/stream';
import type { Placement, PlacementOptions } from './placement';
import { prepareSingle } from './single';

export class TiedTable {
  /** Adds the reader's gradient, own or received, to the owner's. */
  #sum: PreparedList | undefined;
  #back: PreparedList | undefined;

  constructor(
    private readonly stream: Stream,
    private readonly options: Pick<PlacementOptions, 'tie' | 'tableSource' | 'tableAside'>,
    private readonly placement: Placement,
    private readonly place: (spot: Spot) => Place,
  ) {}

  async prepare(): Promise<void> {
    const { tie, tableSource, tableAside } = this.options;
    if (tie === 'apart') this.#sum = await this.#adding(this.ofReader('grad'));
    else if (tableSource) this.#sum = await this.#adding(this.received);
    if (tableAside) this.#back = await this.#adding(this.#aside);
  }

  /** The table as the head here reads it (param) or adds to it (grad). */
  ofReader(role: 'param' | 'grad'): Place {
    return this.place(this.placement.table(role));
  }

  /** The range of the table in the unit that owns it. */
  ofOwner(role: 'param' | 'grad'): Place {
    const { at, floats } = this.placement.ownedTable();
    const whole = this.place(this.placement.whole(role, 0));
    return { ...whole, at: whole.at + at, floats };
  }

  /** The buffer that receives the gradient of the table's copy from another rank. */
  get received(): Place {
    return this.place({ buffer: 'table/in', at: 0, floats: this.placement.ownedTable().floats });
  }

  get #aside(): Place {
    return this.place({ buffer: 'table/aside', at: 0, floats: this.placement.ownedTable().floats });
  }

  /** Encode: add the reader's own gradient (`apart`), or the received one, to the owner's. */
  encodeSum(): void {
    this.stream.encode(this.#sum!);
    if (this.options.tie === 'apart') this.stream.clear(this.ofReader('grad'));
  }

  /** Encode: copy the gradient to another buffer and clear it, so that later contributions are summed separately. */
  encodeAside(): void {
    const grad = this.ofOwner('grad');
    this.stream.copy(grad, this.#aside);
    this.stream.clear(grad);
  }

  /** Encode: add the copy of `encodeAside` to the gradient. */
  encodeBack(): void {
    this.stream.encode(this.#back!);
  }

  #adding(x: Place): Promise<PreparedList> {
    // why: colsum over a single row adds this row to the output
    return prepareSingle(this.stream, k.colsum, { x, out: this.ofOwner('grad') }, { R: 1, C: x.floats }, 'TIE');
  }
}
