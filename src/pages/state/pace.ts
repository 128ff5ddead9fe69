/** The speed of the run in wall-clock time: evaluation, sampling and waiting count, too. */

const WINDOW_MS = 20_000;

export class StepPace {
  #readings: { readonly step: number; readonly atMs: number }[] = [];

  /**
   * `step` has been committed by now. Returns the mean milliseconds of the steps in the window, 0 until there is one.
   */
  read(step: number, nowMs: number): number {
    const newest = this.#readings.at(-1);
    if (newest && step < newest.step) this.clear();
    if (step !== newest?.step) this.#readings.push({ step, atMs: nowMs });
    while (this.#readings.length > 2 && this.#readings[0]!.atMs < nowMs - WINDOW_MS) this.#readings.shift();
    const [first, last] = [this.#readings[0]!, this.#readings.at(-1)!];
    return last === first ? 0 : (last.atMs - first.atMs) / (last.step - first.step);
  }

  /** Forgets the window: a pause must not be measured. */
  clear(): void {
    this.#readings = [];
  }
}
