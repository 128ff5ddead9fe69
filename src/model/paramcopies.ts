/** Whole parameters of consecutive units in buffers of their own, for decoders. Owns the buffers. */
import type { Place, Tensor } from '../gpu/instr';
import { floatsIn } from '../gpu/memory';
import type { Stream } from '../gpu/stream';
import type { ModelConfig } from './config';
import { type Layout, layoutOf, rangeOf } from './layout';
import { recordModel } from './model';
import type { Span } from './stagedecoder';

export class ParamCopies {
  readonly #units = new Map<number, { readonly buffer: GPUBuffer; readonly layout: Layout }>();

  /**
   * Room for the units of `span`, and for the table that a tied head among them borrows. Throws KernelError where a buffer
   * is larger than the device allows; nothing is held then.
   */
  constructor(
    private readonly stream: Stream,
    config: ModelConfig,
    span: Span,
  ) {
    try {
      for (const [unit, { name, params }] of recordModel(config, 1).entries()) {
        const layout = layoutOf(
          params.filter((param) => isCopied(config, span, unit, param.name)),
          1,
        );
        if (layout.ranges.length === 0) continue;
        this.#units.set(unit, {
          buffer: stream.device.createStorage('param', 4 * layout.all, `decode ${name}`),
          layout,
        });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Where a parameter that a unit reads lies: the unit's own, or the table that a tied head borrows. */
  place(unit: number, param: Tensor): Place {
    const { buffer, layout } = this.#units.get(param.owner === undefined ? unit : 0)!;
    return { buffer, at: rangeOf(layout, param.name).at + (param.from ?? 0), floats: floatsIn(param) };
  }

  /** Replace elements of a parameter from index `at`. */
  write(unit: number, name: string, at: number, values: Float32Array): void {
    const { buffer, layout } = this.#units.get(unit)!;
    this.stream.write({ buffer, at: rangeOf(layout, name).at + at, floats: values.length }, values);
  }

  close(): void {
    for (const { buffer } of this.#units.values()) this.stream.device.destroyBuffer(buffer);
    this.#units.clear();
  }
}

/** Whether the units of `span` read a parameter. */
export function isCopied(config: ModelConfig, { first, last }: Span, unit: number, name: string): boolean {
  const hasTiedHead = config.tieEmbeddings && last === config.layers + 1;
  return (unit >= first && unit <= last) || (hasTiedHead && unit === 0 && name === 'wte');
}
