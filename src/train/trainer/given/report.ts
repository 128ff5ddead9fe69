/** Collects the status of a tab's training and publishes it: at every change of phase, else up to 10 times a second. */
import type { MemoryByRole } from '../../../gpu/instr';
import type { Transport } from '../../../net/wire/transport';
import type { Phase, StepMetrics, TabStatus } from './status';

const PUBLISH_EVERY_MS = 100;
/** Of each generation, the completed traces of so many first steps are published at once. */
const EARLY_STEPS = 2;
/** Number of steps that tokens per second are averaged over. */
const RATE_STEPS = 20;

type Told = Pick<
  TabStatus,
  | 'generation'
  | 'rank'
  | 'members'
  | 'run'
  | 'plan'
  | 'step'
  | 'steps'
  | 'traced'
  | 'sample'
  | 'vocab'
  | 'weights'
  | 'auto'
>;

export class Reporter {
  #told: Told = {
    generation: 0,
    rank: 0,
    members: [],
    run: null,
    plan: null,
    step: 0,
    steps: 0,
    traced: 0,
    sample: null,
    vocab: 0,
    weights: null,
  };
  #phase: Phase = 'idle';
  #sentence = '';
  #memory: MemoryByRole | null = null;
  #metrics: StepMetrics[] = [];
  /** Of the newest steps: time, tokens of the whole room, tokens of this rank. */
  #rates: { readonly ms: number; readonly room: number; readonly mine: number }[] = [];
  #publishedAt = 0;
  /** Steps of this generation whose trace is complete. */
  #tracedHere = 0;
  #losses: Reporter['losses'] = {};
  /** Steps below this one have been reported; a step that is run again is not reported again. */
  #next = 0;

  constructor(
    readonly transport: Transport,
    readonly onStatus: (status: TabStatus) => void,
  ) {}

  /** Committed steps, as last reported. */
  get step(): number {
    return this.#told.step;
  }

  /** The losses of the newest committed step, and of the newest that was held out; undefined before there are any. */
  get losses(): Pick<StepMetrics, 'heldOutLoss'> & { readonly step?: number; readonly loss?: number } {
    return this.#losses;
  }

  /** Begin to report another run. */
  begin(): void {
    this.#next = 0;
    this.#losses = {};
    this.tell({ step: 0 });
  }

  /** Enter a phase. `sentence` tells people the reason, if they should know it. */
  enter(phase: Phase, sentence = ''): void {
    this.#phase = phase;
    this.#sentence = sentence;
    this.#publish();
  }

  tell(change: Partial<Told>): void {
    if (change.generation !== undefined) this.#tracedHere = 0;
    this.#told = { ...this.#told, ...change };
  }

  holds(memory: MemoryByRole | null): void {
    this.#memory = memory;
  }

  /** A step was committed; `tokens` are those this rank computed. */
  committed(metrics: StepMetrics, tokens: number): void {
    const { step, loss, heldOutLoss = this.#losses.heldOutLoss } = metrics;
    this.#losses = { step, loss, ...(heldOutLoss !== undefined && { heldOutLoss }) };
    if (metrics.step >= this.#next) {
      this.#metrics.push(metrics);
      this.#next = metrics.step + 1;
      // the sentence about steps that run again is out of date now
      this.#sentence = '';
    }
    this.#rates = [...this.#rates, { ms: metrics.ms, room: metrics.tokens, mine: tokens }].slice(-RATE_STEPS);
    this.tell({ step: metrics.step + 1 });
    const isLast = metrics.step + 1 === this.#told.steps;
    if (isLast || performance.now() - this.#publishedAt >= PUBLISH_EVERY_MS) this.#publish();
  }

  /** All trace events of the steps below `step` have been emitted, as far as `generation` ran them. */
  traced(step: number, generation: number): void {
    if (generation !== this.#told.generation) return;
    this.tell({ traced: step });
    // why: a watching page waits for the first figures of a new plan
    if (++this.#tracedHere <= EARLY_STEPS) this.#publish();
  }

  /** Publish now what is waiting to be published. */
  flush(): void {
    this.#publish();
  }

  #publish(): void {
    this.#publishedAt = performance.now();
    const seconds = this.#rates.reduce((sum, { ms }) => sum + ms, 0) / 1000;
    const rate = (tokens: number) => (seconds > 0 ? tokens / seconds : 0);
    this.onStatus({
      ...this.#told,
      phase: this.#phase,
      sentence: this.#sentence,
      newMetrics: this.#metrics,
      tokensPerSecond: {
        mine: rate(this.#rates.reduce((sum, { mine }) => sum + mine, 0)),
        room: rate(this.#rates.reduce((sum, { room }) => sum + room, 0)),
      },
      memory: this.#memory,
      links: this.transport.stats(),
    });
    this.#metrics = [];
  }
}
