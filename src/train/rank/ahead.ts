/**
 * A rank that trains alone goes ahead: AdamW and the next step's first forwards are submitted before the host has read loss
 * and norm. The device checks what NORM would (finite, not clipped) and else changes no parameter; then the host makes the
 * step as always, and the forwards are made again. docs/decisions/021 says why no bit changes.
 */
import type { Place } from '../../gpu/instr';
import type { GuardedStep } from '../../model/guardedstep';
import type { Instance } from '../../model/instance';
import type { AdamParams } from '../../model/update';
import type { Action } from '../../plan/plan';
import type { ProgramOf } from '../../plan/steps';
import type { Line } from './cluster';
import type { ComputeLines, PassOptions } from './computelines';
import type { GpuClock } from './gpuclock';
import type { StepInput } from './rankcontract';

interface AheadOptions extends Pick<PassOptions, 'leastMs'> {
  /** 0: gradients are not clipped. */
  readonly gradClip: number;
}

/** Forwards that nobody uses cost more than a wait: a norm above this share of the bound may be above it a step later. */
const CALM = 0.5;
/** Share of the bound's square below which f32 sums of squares show that the host's float64 norm does not clip. */
const SURE = 0.98;
/** Norms of this size and 1e-6 more (Commit) are too near each other to be told apart by SURE. */
const LEAST_CLIP = 1e-3;
const LARGEST = 3e38;

export class Ahead {
  #forwards: readonly Line<'F'>[] = [];
  #begun = { step: -1, lines: 0 };
  #isCalm = false;

  constructor(
    private readonly guarded: GuardedStep,
    private readonly passes: ComputeLines,
    private readonly clock: GpuClock,
    private readonly programs: ProgramOf,
    private readonly options: AheadOptions,
  ) {}

  /** How many of the first lines of `step` are submitted; they count once, and for no other pass. */
  take(step: number): number {
    const { lines } = this.#begun.step === step ? this.#begun : { lines: 0 };
    this.drop();
    return lines;
  }

  /** Forget submitted forwards: another pass uses their memory, or parameters change. */
  drop(): void {
    this.#begun = { step: -1, lines: 0 };
  }

  /** Whether this step goes ahead. */
  isOn({ step, next, targets }: StepInput): boolean {
    // why the targets: without any, the mean gradient is not a number, and nothing on the device shows it
    const may = next !== undefined && this.#isCalm && targets.some((tokens) => tokens > 0);
    this.#forwards = may && endsInSteps(this.programs(step).actions) ? this.#first(step + 1) : [];
    return this.#forwards.length > 0;
  }

  /** Called before the sums of squares are encoded. `params`: of a step that is not clipped; `tokens` of its batch. */
  set(params: AdamParams, tokens: number): void {
    const bound = this.options.gradClip * tokens;
    this.guarded.set(params, bound > 0 ? Math.min(LARGEST, SURE * bound * bound) : LARGEST);
  }

  /** Encode the checked AdamW, whose units are these; called after the sums of squares. */
  encodeStep({ here, update }: Instance): void {
    this.guarded.encode();
    for (const unit of here) this.clock.encoded('STEP', unit, undefined, update.stepFlops(unit));
  }

  /** One float: 1 if AdamW has run. */
  get passed(): Place {
    return this.guarded.passed;
  }

  /** Submit the next step's first forwards. */
  async submitForwards({ step, next }: StepInput): Promise<void> {
    this.clock.submit();
    this.passes.beginForwards(next!());
    for (const line of this.#forwards) await this.passes.run(line);
    this.clock.submit(step + 1);
    this.#begun = { step: step + 1, lines: this.#forwards.length };
  }

  /** The norm of a committed step, by which the next one is chosen to go ahead or not. */
  committed(gradNorm: number): void {
    const { gradClip } = this.options;
    this.#isCalm = gradClip === 0 || (gradClip >= LEAST_CLIP && gradNorm < CALM * gradClip);
  }

  #first(step: number): readonly Line<'F'>[] {
    const { actions } = this.programs(step);
    const end = actions.findIndex(({ op }) => op !== 'F');
    const lines = actions.slice(0, end) as Line<'F'>[];
    // why: a line that is slow on purpose waits on the host
    return lines.some((line) => this.options.leastMs(line) > 0) ? [] : lines;
  }
}

/** True if nothing but AdamW comes after NORM. */
function endsInSteps(actions: readonly Action[]): boolean {
  return actions.slice(actions.findIndex(({ op }) => op === 'NORM') + 1).every(({ op }) => op === 'STEP');
}
