/**
 * A Feed without tabs: the schedule simulator runs the real programs and takes their times from a cost model. It shows
 * rooms and models that do not exist here, is always marked as simulated and has no loss. Each change produces one new
 * step; it uses no timer.
 */
import { batch, type ReadonlySignal, signal } from '@preact/signals';
import { type ParallelPlan, parsePlan } from '../../../plan/plan';
import type { TraceEvent } from '../../../trace/trace';
import type { Phase, RunFile, StepMetrics } from '../../tab';
import type { Feed, Proof, RankView } from '../facts/feed';
import { DEFAULT_SPEED, simulateStep, type World } from './world';

export class SimulatedFeed implements Feed {
  readonly kind = 'simulated';
  readonly phase: ReadonlySignal<Phase> = signal<Phase>('training');
  readonly run;
  readonly plan;
  readonly generation = signal(0);
  readonly ranks = signal<readonly RankView[]>([]);
  readonly metrics: ReadonlySignal<readonly StepMetrics[]> = signal<readonly StepMetrics[]>([]);
  readonly newestStep = signal(-1);
  readonly proof: ReadonlySignal<Proof | null> = signal<Proof | null>(null);
  #world: World;
  #events: readonly TraceEvent[] = [];

  constructor(run: RunFile, plan = parsePlan({ dp: 4 })) {
    this.#world = { run, plan, ...DEFAULT_SPEED, unitMs: [], extraMs: 0, mbitPerSecond: 0 };
    this.run = signal<RunFile | null>(run);
    this.plan = signal<ParallelPlan | null>(plan);
    this.change({});
  }

  get world(): World {
    return this.#world;
  }

  traceOf(step: number): readonly TraceEvent[] {
    return step === this.newestStep.value ? this.#events : [];
  }

  /** Simulate one step with these changes. Throws PlanError where the plan does not fit the run. */
  change(change: Partial<World>): void {
    const world = { ...this.#world, ...change };
    const { events, ranks } = simulateStep(world);
    batch(() => {
      this.#world = world;
      this.#events = events;
      this.run.value = world.run;
      this.plan.value = world.plan;
      this.generation.value++;
      this.newestStep.value++;
      this.ranks.value = ranks;
    });
  }
}
