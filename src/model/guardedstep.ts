/**
 * AdamW behind a check on the device: parameters change only if the losses are finite and the gradients' norm is below a
 * bound. So a step can be submitted before the host has read either.
 */
import type { Place } from '../gpu/instr';
import * as k from '../gpu/kernels';
import { guard } from '../gpu/kernels.guard';
import type { PreparedList, Stream } from '../gpu/stream';
import { prepareSingle } from './single';
import type { AdamParams, Update } from './update';

export class GuardedStep {
  private constructor(
    private readonly stream: Stream,
    private readonly checks: readonly PreparedList[],
    private readonly steps: readonly PreparedList[],
    /** One float: 1 if the newest `encode` has changed the parameters, else 0. */
    readonly passed: Place,
  ) {}

  /** For all arenas of `update`; `losses` as Instance.lossPlace. */
  static async prepare(stream: Stream, update: Update, losses: Place): Promise<GuardedStep> {
    const sumsq = update.sumsqPlace;
    const [checks, steps, flags]: [PreparedList[], PreparedList[], Place[]] = [[], [], []];
    for (const { bind, params } of update.arenas) {
      const words = bind.ranges!.floats;
      const guarded = stream.table(new Uint32Array(words + 1));
      const sizes = { partials: sumsq.floats, losses: losses.floats, rows: words / 8, most: 0 };
      const places = { sumsq, loss: losses, ranges: bind.ranges!, guarded };
      checks.push(await prepareSingle(stream, guard, places, sizes, 'NORM'));
      const ranges = { ...guarded, floats: words };
      steps.push(await prepareSingle(stream, k.adamw, { ...bind, ranges }, params, 'STEP'));
      flags.push({ ...guarded, at: words, floats: 1 });
    }
    return new GuardedStep(stream, checks, steps, flags[0]!);
  }

  /** What the next `encode` does; `most`: the sum of squares above which it does nothing. Called before `encodeSumsq`. */
  set(params: AdamParams, most: number): void {
    for (const list of this.checks) this.stream.setParams(list, { most });
    for (const list of this.steps) this.stream.setParams(list, { ...params });
  }

  encode(): void {
    for (const list of [...this.checks, ...this.steps]) this.stream.encode(list);
  }
}
