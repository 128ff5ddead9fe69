/**
 * The loss over the steps, in bounded memory: when it is full, neighbouring points become one (the mean of their training
 * losses), so a run of any length draws in the same time.
 */
import type { LossPoint } from '../tab';

interface Point {
  /** The last step in this point. */
  step: number;
  lossSum: number;
  count: number;
  heldOut: number | null;
}

/** Columns as uPlot takes them; null where nothing was evaluated. */
export type Columns = [steps: number[], train: number[], heldOut: (number | null)[]];

const CAPACITY = 2048;

export class LossSeries {
  #points: Point[] = [];
  /** Steps that one full point stands for. */
  #stride = 1;

  /** Steps must come in ascending order; one that is not new is ignored (a step that was run again). */
  push({ step, loss, heldOutLoss }: LossPoint): void {
    const last = this.#points.at(-1);
    if (last && step <= last.step) return;
    if (last && last.count < this.#stride) merge(last, { step, lossSum: loss, count: 1, heldOut: heldOutLoss ?? null });
    else this.#points.push({ step, lossSum: loss, count: 1, heldOut: heldOutLoss ?? null });
    if (this.#points.length > CAPACITY) this.#halve();
  }

  clear(): void {
    this.#points = [];
    this.#stride = 1;
  }

  get length(): number {
    return this.#points.length;
  }

  columns(): Columns {
    return [
      this.#points.map(({ step }) => step),
      this.#points.map(({ lossSum, count }) => lossSum / count),
      this.#points.map(({ heldOut }) => heldOut),
    ];
  }

  #halve(): void {
    const halved: Point[] = [];
    for (const [at, point] of this.#points.entries()) {
      if (at % 2 === 0) halved.push(point);
      else merge(halved.at(-1)!, point);
    }
    this.#points = halved;
    this.#stride *= 2;
  }
}

function merge(into: Point, later: Point): void {
  into.step = later.step;
  into.lossSum += later.lossSum;
  into.count += later.count;
  into.heldOut = later.heldOut ?? into.heldOut;
}
