/**
 * DiLoCo's outer steps on the host (arXiv 2311.08105). The changes of all replicas are averaged, weighted by the
 * samples they trained on. One step of SGD with Nesterov momentum then makes the new outer parameters, which all
 * replicas take. Ranks send differences, not parameters, because these keep their low bits. The program says when a
 * step is due (plan/outer.ts).
 */
import type { Instance } from '../../model/instance';
import { emitOf } from '../../net/collective/collective';
import { fragmentOf } from '../../plan/outer';
import type { OuterPlan } from '../../plan/plan';
import type { OuterFacts, OuterState, RankState, UnitArrays } from '../state/state';
import type { Ballot } from './ballot';
import { background, type Cluster, type Line } from './cluster';

type Arrays = Map<number, Float32Array>;

/** What the newest outer step replaced. Kept until the next NORM, when all ranks are known to have made that step. */
interface Before {
  readonly outer: OuterState;
  /** The replica's own parameters before it. */
  readonly param: Arrays;
}

interface Weights {
  readonly step: number;
  /** Samples of this replica and of all replicas. */
  readonly mine: number;
  readonly total: number;
}

export class OuterSteps {
  /** First step that the moments of AdamW include; they were zero before it. */
  since = 0;
  #isActive = false;
  #anchor: Arrays = new Map();
  #momentum: Arrays = new Map();
  /** Committed steps when the newest outer step was made, or when the replicas began to train apart. */
  #made = 0;
  #step = 0;
  /** By fragment: samples trained on since its last outer step, by this replica and by all replicas. */
  #samples: number[] = [];
  #totals: readonly number[] = [];
  /** By fragment: the weights of its newest average, and the number of committed steps when it was started. */
  readonly #taken = new Map<number, Weights>();
  /** By unit: an average that was started and not used yet. */
  readonly #averages = new Map<number, Promise<Float32Array>>();
  #running: Promise<void>[] = [];
  #before: Before | null = null;
  /** Fragments whose outer step was made since the newest NORM. */
  #used = new Set<number>();

  constructor(
    readonly instance: Instance,
    readonly cluster: Cluster,
    readonly plan: OuterPlan,
  ) {}

  get fragments(): number {
    return this.plan.fragments ?? 1;
  }

  /** True if there are outer parameters: a local step has begun, or the loaded state had some. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** Units of this rank that were trained since their last outer step; the same in all replicas. */
  dueOf(fragments: readonly number[]): readonly number[] {
    return this.instance.here.filter((unit) => {
      const fragment = this.#fragmentOf(unit);
      const isAsked = this.#isActive && fragments.includes(fragment);
      return isAsked && !this.#used.has(fragment) && this.#totals[fragment]! > 0;
    });
  }

  /** Learn how much each replica has trained since its last outer steps, after `step` steps. All ranks call it. */
  async count(step: number, tag: string): Promise<void> {
    this.#step = step;
    const mine = new Float64Array(this.#samples);
    const said = await this.cluster.world.exchange(new Uint8Array(mine.buffer), tag);
    this.#weighReplicas(said.map((bytes) => [...new Float64Array(bytes.slice().buffer)]));
  }

  /** All lines of an outer step have begun; this rank may have no unit of its fragments. */
  turn(): void {
    this.#keepBefore();
    this.#made = this.#step;
  }

  /** Continue from a state. A state without an outer part was reached by exact steps only. */
  load({ outer }: Pick<RankState, 'outer'>): void {
    this.#isActive = outer !== undefined;
    this.#anchor = copyOf(outer?.anchor);
    this.#momentum = copyOf(outer?.momentum);
    this.#made = outer?.made ?? 0;
    this.since = outer?.since ?? 0;
    this.#samples = Array.from({ length: this.fragments }, (_, fragment) => outer?.samples[fragment] ?? 0);
    this.#totals = this.#samples.map(() => 0);
    this.#taken.clear();
    this.#averages.clear();
    [this.#running, this.#before, this.#used] = [[], null, new Set()];
  }

  /** Called before the first local step, `step`: the current parameters become the outer parameters. */
  async begin(step: number): Promise<void> {
    for (const unit of this.instance.here) {
      const param = await this.instance.stream.read(this.instance.whole('param', unit));
      this.#anchor.set(unit, param.slice());
      this.#momentum.set(unit, new Float32Array(param.length));
    }
    this.#isActive = true;
    this.#made = step;
  }

  /** By fragment: the samples this replica will have trained on once a step of `share` more samples is committed. */
  samplesAfter(share: number): readonly number[] {
    return Array.from({ length: this.fragments }, (_, fragment) => (this.#samples[fragment] ?? 0) + share);
  }

  /** Called when step `step` is committed: its samples count, and all ranks have made the outer steps before it. */
  commit(ballots: readonly Ballot[], step: number): void {
    this.#step = step + 1;
    [this.#running, this.#before, this.#used] = [[], null, new Set()];
    this.#weighReplicas(ballots.map(({ samples }) => samples));
  }

  /** `said`: by rank, its samples by fragment. */
  #weighReplicas(said: readonly (readonly number[])[]): void {
    const { mesh } = this.cluster;
    const replicas = new Map<number, readonly number[]>();
    for (const [rank, samples] of said.entries()) {
      const known = replicas.get(mesh.replicaOf(rank));
      // why the fewest: a rank of a pipeline that has no unit of a fragment does not see its outer steps
      replicas.set(
        mesh.replicaOf(rank),
        samples.map((count, fragment) => Math.min(count, known?.[fragment] ?? count)),
      );
    }
    this.#samples = [...replicas.get(mesh.coord.dp)!];
    const all = [...replicas.values()];
    this.#totals = this.#samples.map((_, fragment) => all.reduce((sum, samples) => sum + samples[fragment]!, 0));
  }

  /** Run a line. The promise resolves when the unit's parameters are on the device; undefined if none are sent. */
  start({ unit, part }: Line<'OUTER'>, tag: string): Promise<void> | undefined {
    const reading = this.instance.stream.read(this.instance.whole('param', unit));
    // why a take at `use`: a generation that began in between has no average, on any rank
    const average = (part === 'use' && this.#averages.get(unit)) || this.#take(unit, reading, tag);
    if (part === 'take') {
      this.#averages.set(unit, average);
      return undefined;
    }
    this.#averages.delete(unit);
    const used = this.#use(unit, reading, average, part === 'whole' ? 0 : (this.plan.mix ?? 0));
    this.#running.push(used);
    return used;
  }

  /** Resolves when every started outer step has ended. Rejects with PeerLost. */
  async made(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Once every started outer step has ended: how far the replica has come; null if it does not train apart. */
  async facts(): Promise<OuterFacts | null> {
    await this.made();
    const { anchor: _, momentum: __, ...facts } = this.#state();
    return this.#isActive ? { ...facts, samples: [...facts.samples] } : null;
  }

  /** Continue as a replica that trains apart; its outer parameters and their momentum are written next. */
  goApart(facts: OuterFacts): void {
    const zeros = new Map(
      this.instance.here.map((unit) => [unit, new Float32Array(this.instance.whole('param', unit).floats)]),
    );
    // why the same arrays twice: load copies them
    this.load({ outer: { anchor: zeros, momentum: zeros, ...facts } });
  }

  /** A unit's outer parameters or their momentum. */
  array(kind: 'anchor' | 'momentum', unit: number): Float32Array {
    return (kind === 'anchor' ? this.#anchor : this.#momentum).get(unit)!;
  }

  /** Adds the outer state to `now`, the state on the device. After a failed outer step: the state from before it. */
  async complete(now: RankState): Promise<RankState> {
    if (!this.#isActive) return now;
    const ends = await Promise.allSettled(this.#running);
    const before = this.#before && {
      ...now,
      param: new Map([...now.param].map(([unit, param]) => [unit, this.#before!.param.get(unit) ?? param])),
      outer: this.#before.outer,
    };
    if (before && ends.some(({ status }) => status === 'rejected')) return before;
    return { ...now, outer: this.#state(), ...(before && { before }) };
  }

  #state(): OuterState {
    return {
      anchor: new Map(this.#anchor),
      momentum: new Map(this.#momentum),
      samples: this.#samples,
      made: this.#made,
      since: this.since,
    };
  }

  /** Start the mean over the replicas of their changes to a unit. */
  #take(unit: number, reading: Promise<Float32Array>, tag: string): Promise<Float32Array> {
    const { cluster } = this;
    const { mine, total } = this.#weigh(this.#fragmentOf(unit));
    const anchor = this.#anchor.get(unit)!;
    const average = async () => {
      const own = await reading;
      const t0 = performance.now();
      const moved = own.map((x, i) => mine * Math.fround(anchor[i]! - x));
      await cluster.dp.allReduce(moved, tag, cluster.codings.outer.of(unit));
      emitOf(tag, cluster.trace, 'OUTER', t0, { unit, bytes: moved.byteLength });
      return moved.map((sum) => sum / total);
    };
    const started = average();
    // why: the caller that uses the average reports the failure
    started.catch(() => undefined);
    return started;
  }

  /** The weights of an average that is started now; the same for all units of a fragment. */
  #weigh(fragment: number): Weights {
    const known = this.#taken.get(fragment);
    if (known?.step === this.#step) return known;
    const weights = { step: this.#step, mine: this.#samples[fragment]!, total: this.#totals[fragment]! };
    this.#taken.set(fragment, weights);
    return weights;
  }

  /** Make one outer step of a unit, then write the replica's parameters. */
  #use(unit: number, reading: Promise<Float32Array>, average: Promise<Float32Array>, mix: number): Promise<void> {
    const { lr, momentum } = this.plan;
    const before = this.#keepBefore();
    const fragment = this.#fragmentOf(unit);
    if (!this.#used.has(fragment)) this.#samples[fragment]! -= this.#taken.get(fragment)!.mine;
    this.#used.add(fragment);
    const place = this.instance.whole('param', unit);
    const use = async () => {
      const own = await reading;
      before.param.set(unit, own);
      const delta = await average;
      const [m, anchor] = [this.#momentum.get(unit)!.slice(), this.#anchor.get(unit)!.slice()];
      for (let i = 0; i < m.length; i++) {
        m[i] = momentum * m[i]! + delta[i]!;
        anchor[i]! -= lr * (delta[i]! + momentum * m[i]!);
      }
      this.#momentum.set(unit, m);
      this.#anchor.set(unit, anchor);
      this.instance.stream.write(place, mix === 0 ? anchor : own.map((x, i) => anchor[i]! + mix * (x - anchor[i]!)));
    };
    return background(use());
  }

  #fragmentOf(unit: number): number {
    return fragmentOf(unit, this.instance.units.length, this.plan);
  }

  #keepBefore(): Before {
    if (!this.#before) {
      const outer = { ...this.#state(), samples: [...this.#samples] };
      this.#before = { outer, param: new Map() };
    }
    return this.#before;
  }
}

function copyOf(arrays: UnitArrays = new Map()): Arrays {
  return new Map([...arrays].map(([unit, array]) => [unit, array.slice()]));
}
