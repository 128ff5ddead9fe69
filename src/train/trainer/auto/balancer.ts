/**
 * Measures the ranks of a generation while they train, and asks the room for shares of the batch and stages by their
 * speed, or to go on without a rank that slows the others with any share. Nobody waits for it: the change comes at a step
 * border, as any other change of the plan.
 */
import { unitSizes } from '../../../model/model';
import { balance, brakeOf } from '../../../plan/balance';
import type { RankModel } from '../../rank/rankcontract';
import type { RunFile } from '../../runfile';
import type { Load } from '../asked/vote';
import type { GenerationSetting } from '../given/setting';

/** First steps that are not measured: they compile and warm up. */
const WARM_STEPS = 1;
/** Steps that a measurement takes. */
const MEASURED_STEPS = 8;
/** Least part of a step that a change must save. */
const WORTH = 0.1;

/** Null where nothing is to be measured: one rank, shares or stages that the run fixes, ranks placed across machines, or sums in machines. */
export function balancerOf(setting: GenerationSetting, changeMs: number): Balancer | null {
  const { balancing, run, plan } = setting;
  const isFixed = run.plan.shares || run.plan.stageUnits || plan.placement || plan.perMachine;
  return balancing && !isFixed && plan.dp * plan.pp * (run.auto ? plan.tp : 1) > 1
    ? new Balancer(setting, balancing, changeMs)
    : null;
}

/** A step: its time, and the loads of all ranks. */
interface Measured {
  readonly ms: number;
  readonly loads: readonly Load[];
}

export class Balancer {
  readonly #stop: () => void;
  #computeMs = 0;
  #mostSamples = 0;
  #steps = 0;
  /** Of the steps measured so far, by rank. */
  #measured: Measured[] = [];
  #isDone = false;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly asking: NonNullable<GenerationSetting['balancing']>,
    /** Time from the beginning of the generation to the end of its first step: what a change of the plan costs. */
    private readonly changeMs: number,
  ) {
    this.#stop = setting.trace.subscribe(({ lane, name, t0, t1 }) => {
      if (lane === 'gpu' && /^[FBIW]$/.test(name)) this.#computeMs += t1 - t0;
    });
  }

  /** This rank's load since the last call. */
  take(): Load {
    const load = { computeMs: this.#computeMs, mostSamples: this.#mostSamples };
    this.#computeMs = 0;
    return load;
  }

  /**
   * A step of `ms` is committed; `loads`: of all ranks. All ranks call it with the same loads, so all look at their memory
   * at the same step; rank 0 asks.
   */
  committed(run: RunFile, rank: RankModel, step: number, ms: number, loads: readonly Load[]): void {
    this.#steps += 1;
    // why also where a rank says nothing: it has not loaded this file yet
    const isSilent = loads.some(({ computeMs }) => computeMs === 0);
    if (this.#isDone || isSilent || this.#steps <= WARM_STEPS) return;
    this.#measured.push({ ms, loads });
    if (this.#measured.length < MEASURED_STEPS) return;
    const measured = this.#measured;
    this.#measured = [];
    this.#consider(run, rank, step, measured);
  }

  #consider(run: RunFile, rank: RankModel, step: number, measured: readonly Measured[]): void {
    const { loads } = measured.at(-1)!;
    const { plan, mesh } = this.setting;
    const { globalBatch, steps } = run.train;
    const computeMs = mesh.peers.map((_, at) => lowerQuartile(measured.map((one) => one.loads[at]!.computeMs)));
    const most = loads.map(({ mostSamples }) => mostSamples);
    const ranks = computeMs.map((one, at) => ({
      ms: one,
      mostSamples: most[at] || globalBatch,
      machine: this.asking.machineOf?.(mesh.peers[at]!),
    }));
    const units = unitSizes(run.model, 1);
    const better = balance(plan, units, globalBatch, ranks);
    if (!better || better.gainMs <= WORTH * better.slowestMs) return;
    // why twice: the first time each rank looks at its memory, the second time all have said what it holds
    if (most.includes(0)) {
      this.#mostSamples = rank.mostSamples(better.plan);
      return;
    }
    if (mesh.rank !== 0) return;
    const brake = this.asking.reserve ? brakeOf(plan, units, globalBatch, ranks) : null;
    const { gainMs, slowestMs } = brake ?? better;
    const stepMs = lowerQuartile(measured.map((one) => one.ms));
    this.#isDone = gainMs > WORTH * Math.max(stepMs, slowestMs) && gainMs * (steps - step) > 2 * this.changeMs;
    if (!this.#isDone) return;
    if (brake) this.asking.reserve!(mesh.peers[brake.rank]!);
    else this.asking.ask(better.plan);
  }

  close(): void {
    this.#stop();
  }
}

/** What is reached when nothing else disturbs: tabs of one machine delay each other now and then, a slow device always. */
function lowerQuartile(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 4)]!;
}
