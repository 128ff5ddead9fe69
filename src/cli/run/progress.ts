/**
 * The progress of a headless run: step, loss, tokens per second, time left. One updated line on a terminal, else a line
 * every few seconds.
 */
import type { StepMetrics } from '../../worker/api';

const LINE_EVERY_MS = 5_000;
/** Number of steps that the rate is averaged over. */
const RATE_STEPS = 20;

export class Progress {
  #recent: StepMetrics[] = [];
  #writtenAt = Number.NEGATIVE_INFINITY;
  #open = false;

  constructor(
    readonly steps: number,
    readonly out: NodeJS.WriteStream = process.stderr,
  ) {}

  step(metrics: StepMetrics): void {
    this.#recent = [...this.#recent, metrics].slice(-RATE_STEPS);
    const isLast = metrics.step + 1 === this.steps;
    const now = performance.now();
    if (!this.out.isTTY && !isLast && now - this.#writtenAt < LINE_EVERY_MS) return;
    this.#writtenAt = now;
    this.#write(this.#line(metrics));
  }

  /** Shows why the ranks do not train, until the next step. */
  wait(sentence: string): void {
    if (this.out.isTTY && sentence !== '') this.#write(sentence);
  }

  /** Prints a sentence on a line of its own. */
  say(sentence: string): void {
    this.close();
    this.out.write(`${sentence}\n`);
  }

  close(): void {
    if (this.#open) this.out.write('\n');
    this.#open = false;
  }

  #line({ step, loss, heldOutLoss }: StepMetrics): string {
    const ms = this.#recent.reduce((sum, recent) => sum + recent.ms, 0);
    const tokens = this.#recent.reduce((sum, recent) => sum + recent.tokens, 0);
    const leftSeconds = ((this.steps - step - 1) * ms) / this.#recent.length / 1000;
    const heldOut = heldOutLoss === undefined ? '' : `  held-out ${heldOutLoss.toFixed(4)}`;
    return `step ${step + 1}/${this.steps}  loss ${loss.toFixed(4)}${heldOut}  ${Math.round((tokens / ms) * 1000)} tokens/s  ${duration(leftSeconds)} left`;
  }

  #write(line: string): void {
    if (this.out.isTTY) this.out.write(`\r\u001b[K${line}`);
    else this.out.write(`${line}\n`);
    this.#open = this.out.isTTY;
  }
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
