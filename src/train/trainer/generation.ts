/**
 * One generation of one tab: take the state, build the rank, and run steps until the last one or until a newer
 * generation is declared. A step commits at NORM; the next generation runs uncommitted steps again.
 */
import { isGenerationOver, StaleGeneration } from '../../errors';
import { type Group, makeGroup } from '../../net/collective/group';
import { isModelOnEach } from '../../plan/plan';
import { replicaShares } from '../../plan/shares';
import { targetsOf } from '../data/data';
import type { ModelFiles } from '../files/checkpoint';
import type { RankModel } from '../rank/rankcontract';
import { withBefore } from '../state/apart';
import { type CutState, keepNewest, stateFromWeights } from '../state/sync';
import type { Circuit } from '../state/transfer';
import { Answering } from './answers/answering';
import { type FilesRequest, type Requests, wishesOf } from './asked/requests';
import { packVote, readVote } from './asked/vote';
import { Balancing } from './auto/balancing';
import { batchesOf } from './batches';
import { dueHeldOutLoss } from './evaluate';
import { learningRate } from './given/learningrate';
import { type Prepared, prepare } from './given/prepared';
import type { GenerationSetting } from './given/setting';
import type { StepMetrics } from './given/status';
import { Traffic } from './given/traffic';
import type { Delivered } from './giving/deliver';
import { giveFiles, writtenModel } from './giving/give';
import { beginOrGoBack, setBackWords } from './kept/goback';
import { keepState } from './kept/keep';
import { Mirrors } from './kept/mirrors';
import { meet } from './meet';
import { Proofs } from './proofs/proofs';
import { bringTogether, catchUp } from './together';

export class GenerationRun {
  readonly #circuit: Circuit;
  readonly #world: Group;
  /** Set once the rank has the state, which `close` reads back from it. */
  #rank: RankModel | null = null;
  #built: RankModel | null = null;
  #step = 0;
  /** The generation that ran the newest committed step. */
  #ranBy = 0;
  /** Generation number of the steps run here. No state of another history has the same step and number. */
  #runs = 0;
  /** Why the room continues from an earlier step than this tab had reached; '' if it does not. */
  #setBack = '';
  #ran = 0;
  readonly #proofs: Proofs;
  readonly answering: Answering;
  readonly #traffic: Traffic;
  readonly #mirrors: Mirrors;
  readonly #balancing: Balancing;
  #delivered: Delivered | null = null;
  /** True if the run has ended for all ranks before its last step. */
  #isEnded = false;

  constructor(
    readonly setting: GenerationSetting,
    readonly requests: Requests,
    /** Earlier states, beside the rank's own, until the ranks have a complete newer one. */
    private held: readonly CutState[],
    private prepared: Prepared | null,
  ) {
    const { transport, mesh, signal, trace } = setting;
    const all = mesh.peers.map((_, rank) => rank);
    this.#circuit = setting;
    this.#traffic = new Traffic(transport, mesh.peers);
    this.#mirrors = new Mirrors(setting, this.#traffic);
    this.#proofs = new Proofs(setting, requests, this.#traffic);
    this.answering = new Answering(setting, requests, this.#traffic);
    this.#balancing = new Balancing(setting, this.#traffic);
    this.#world = makeGroup(transport, mesh, 'dp', all, signal, { trace });
  }

  /**
   * Train to the last step. Returns the files of the model on rank 0 and where somebody may ask, else null. Rejects with PeerLost or
   * StaleGeneration if the generation ends before that. The caller must call `close` in any case.
   */
  async train(): Promise<ModelFiles | null> {
    const { reporter, run } = this.setting;
    reporter.enter('syncing', 'Taking the model and the text.');
    const prepared = await this.#prepare();
    reporter.enter('training', this.#setBack || prepared.corpus.note);
    while (this.#step < run.train.steps && !this.#isEnded) await this.#runStep(prepared);
    return this.#finish(prepared);
  }

  /** Committed steps. */
  get step(): number {
    return this.#step;
  }

  /**
   * Free the rank. Returns the states to continue with, newest first: the committed state, and earlier states in case
   * parts of that are lost. `hasFailed`: the rank may not be readable any more.
   */
  async close(hasFailed = false): Promise<{ held: readonly CutState[]; prepared: Prepared | null }> {
    try {
      if (this.#delivered) return { held: [], prepared: this.prepared };
      const newest = this.#rank ? (await this.#readUnlessTorn(hasFailed)).flatMap(withBefore) : [];
      return { held: keepNewest([...newest, ...this.#mirrors.fresh, ...this.held]), prepared: this.prepared };
    } finally {
      await this.answering.close();
      this.#built?.close();
      this.#balancing.close();
      this.#mirrors.close();
      this.setting.reporter.holds(null);
    }
  }

  /** The result of a run whose state was not kept here; null before the run has ended and if there is no outlet. */
  get delivered(): Delivered | null {
    return this.#delivered;
  }

  /** What the rank holds after the newest step. */
  async #read(): Promise<CutState> {
    const { plan, mesh } = this.setting;
    const cutting = { plan, rank: mesh.rank };
    return { step: this.#step, generation: this.#ranBy, cutting, state: await this.#rank!.read() };
  }

  /** As #read; empty if parameters on their way were lost with a peer and an older state is kept, or on a failure. */
  async #readUnlessTorn(hasFailed: boolean): Promise<readonly CutState[]> {
    try {
      return [await this.#read()];
    } catch (error) {
      if (hasFailed) return [];
      if (!isGenerationOver(error) || this.#mirrors.fresh.length + this.held.length === 0) throw error;
      return [];
    }
  }

  /** Take the text and the state, and build the rank. */
  async #prepare(): Promise<Prepared> {
    const { run, plan, mesh, text, reporter, init, trace, transport } = this.setting;
    const file = this.held.length === 0 ? init : undefined;
    const announced = await meet(this.setting, this.#world, this.held, file);
    this.#mirrors.machines = announced.map(({ machine }) => machine);
    const bytes = await text.share(this.#circuit, announced);
    const tell = (learned: number, of: number) =>
      reporter.enter('syncing', `Learning byte pairs: ${learned} of ${of}.`);
    const prepared = this.prepared ?? (await prepare(run, bytes, tell));
    this.prepared = prepared;
    const { model } = prepared.run;
    const weights = file && (await (await import('../files/adapters')).startWeights(model, run.train.seed, file));
    if (weights) this.held = [stateFromWeights(model, weights, mesh.generation)];
    const begun = await beginOrGoBack(this.setting, this.#world, prepared, announced, this.held);
    const { mine, held, announcements } = begun;
    const { state } = mine;
    // why without newer states: their steps run again
    this.held = keepNewest([...(state ? [{ ...mine, state }] : []), ...held.filter(({ step }) => step <= mine.step)]);
    this.#step = mine.step;
    this.#ranBy = mine.generation;
    // why above all announced numbers: kept states may come from an earlier room, which counted its own generations
    const newest = Math.max(0, ...announcements.flatMap(({ held }) => held.map(({ generation }) => generation)));
    this.#runs = newest < mesh.generation ? mesh.generation : newest + 1;
    this.#setBack = setBackWords(reporter.step, mine.step, begun.isKept, this.setting.copied);
    const isGone = announcements.every(({ held }) => held.length === 0) && this.setting.membership.isStateLost;
    if (isGone) this.#setBack = 'The tabs that held the model are gone, so the run begins again from step 0.';
    reporter.tell({ step: this.#step, vocab: model.vocab });
    const rank = await this.setting.makeRank({ ...this.setting, run: prepared.run, plan, mesh, transport, trace });
    this.#built = rank;
    await mine.write(rank);
    await catchUp(rank, plan, this.#step, run.train.steps);
    this.#rank = rank;
    this.setting.membership.holdsState(true);
    const { probing, tour } = this.setting;
    if (probing && this.#step === (tour?.from ?? 0)) {
      // why only now: pages do not probe, and load this file before their first step
      const { probeLinks } = await import('./auto/linkprobe');
      await probeLinks(this.#circuit, this.#world, trace);
    }
    reporter.holds(rank.memory);
    this.#traffic.take();
    return prepared;
  }

  async #runStep(prepared: Prepared): Promise<void> {
    const { run, samples, sampler } = prepared;
    const { plan, mesh, membership, trace, reporter, sampling } = this.setting;
    const { globalBatch } = run.train;
    const rank = this.#rank!;
    const t0 = performance.now();
    const step = this.#step;
    const lr = learningRate(run.train, step);
    const tokens = globalBatch * run.model.context;
    let asked: readonly FilesRequest[] = [];
    trace.step = step;
    this.answering.begin(step);
    const outcome = await rank.runStep({
      step,
      lr,
      targets: targetsOf(samples, step, { ...plan, globalBatch }),
      ...batchesOf(prepared, plan, mesh.coord.dp, step),
      rest: () => this.answering.rest(),
      vote: () => {
        asked = this.requests.requests();
        const ends = this.requests.leaving() || this.requests.endsAt(step + 1);
        return packVote({
          declared: Math.max(membership.declared, ends ? mesh.generation + 1 : 0),
          bytesSent: this.#traffic.take(),
          ...wishesOf(this.requests),
          keeps: this.setting.keeper?.isDue(step + 1, run.train.steps) ?? false,
          mirror: this.#mirrors.isDue(t0),
          ...this.#balancing.take(),
        });
      },
    });
    const { loss, gradNorm } = outcome;
    const votes = outcome.votes.map(readVote);
    this.#step = step + 1;
    this.#ranBy = this.#runs;
    // all ranks have voted, so each has its first state or its mirror from before this step
    const { isOn, areKept, fresh } = this.#mirrors;
    if (fresh.length > 0 || !areKept) [this.held, this.#mirrors.fresh] = [fresh, []];
    reporter.holds(rank.memory);
    const ms = performance.now() - t0;
    const metrics: StepMetrics = { step, loss, gradNorm, lr, tokens, ms, bytesSent: votes.map((one) => one.bytesSent) };
    const own = replicaShares(globalBatch, plan)[mesh.coord.dp]! * run.model.context;
    try {
      const evaluation = { plan, mesh, world: this.#world };
      const held = await dueHeldOutLoss(rank, samples, run.train, this.#step, evaluation);
      reporter.committed(held === undefined ? metrics : { ...metrics, heldOutLoss: held }, own);
      void trace.settled().then(() => reporter.traced(step + 1, mesh.generation));
    } catch (error) {
      // why: the step is committed even if its evaluation fails
      reporter.committed(metrics, own);
      throw error;
    }
    if (sampling && mesh.rank === 0 && isModelOnEach(plan)) {
      reporter.tell({ sample: { step: this.#step, text: await sampler.next(rank, this.#step) } });
    }
    await this.answering.turn(votes, { prepared, rank, step: this.#step, stepMs: ms });
    const wanting = votes.flatMap(({ files }, at) => (files ? [at] : []));
    if (wanting.length > 0) await this.#give(prepared, wanting, asked);
    await this.#proofs.end(rank);
    const declared = Math.max(...votes.map((vote) => vote.declared));
    const isLast = this.#step === run.train.steps;
    const wantsMirror = votes.some(({ leaves }) => leaves) || votes.every((vote) => vote.mirror);
    if (isOn && wantsMirror && !isLast) await this.#mirrors.renew(run.model, () => this.#read());
    if (!isLast) await this.#mirrors.copy(run.model, rank.memory.param + rank.memory.moment, () => this.#read());
    this.#balancing.committed(run, rank, this.#step, ms, votes);
    this.#isEnded = votes.some(({ ends }) => ends);
    if (this.#isEnded || votes.some(({ keeps }) => keeps)) {
      // why: a step that is kept must have been reported, however soon its state is stored
      reporter.flush();
      await keepState(this.setting, prepared, { step: this.#step, generation: this.#ranBy }, rank);
    }
    this.#ran += 1;
    if (this.#isEnded) return;
    const isOver = declared > mesh.generation || this.#ran === this.setting.limit;
    if (isOver && !isLast) await this.#traffic.uncounted(() => bringTogether(rank, plan, this.#step));
    if (isOver && !isLast) throw new StaleGeneration(mesh.generation, Math.max(declared, mesh.generation + 1));
    if (votes[0]!.looks && !isLast) await this.#balancing.look(rank, this.#world, this.#step);
    const by = votes.findIndex(({ proof }) => proof);
    if (by >= 0 && !isLast) await this.#proofs.begin(prepared, by, () => this.#read(), this.#step);
  }

  /** Give the model to the ranks that asked for it; all ranks take part. */
  async #give(prepared: Prepared, wanting: readonly number[], asked: readonly FilesRequest[]) {
    const mine = await this.#read();
    const { setting } = this;
    const write = (all: Float32Array) => writtenModel(setting, setting.mesh.peers, prepared, mine, all);
    return this.#traffic.uncounted(() => giveFiles(this.#circuit, prepared, mine, wanting, asked, write));
  }

  /**
   * No rank leaves before all have committed the last step, because a rank that missed it takes it from the others in
   * the next generation.
   */
  async #finish(prepared: Prepared): Promise<ModelFiles | null> {
    const { transport, mesh, outlet, keeper } = this.setting;
    // why: the run is not over for any rank before its last outer step is made
    await this.#rank!.outerFacts();
    await keeper?.settle();
    if (outlet !== undefined) {
      const wanted = this.#isEnded ? null : outlet;
      // why only now: pages deliver to nobody
      const { awaitDelivery, deliver } = await import('./giving/deliver');
      this.#delivered = await this.#traffic.uncounted(() => {
        return deliver(this.setting, prepared, { step: this.#step, rank: this.#rank! }, wanted);
      });
      await awaitDelivery(this.setting, this.#world, this.#step);
      return null;
    }
    const asked = this.requests.requests();
    const wants = Uint8Array.of(asked.length > 0 || this.requests.listening() ? 1 : 0);
    const all = await this.#world.exchange(wants, `${mesh.generation}/${this.#step}/end`);
    const wanting = all.flatMap((wish, rank) => (rank === 0 || wish[0] === 1 ? [rank] : []));
    const files = await this.#give(prepared, wanting, asked);
    await transport.flush();
    return files;
  }
}
