/**
 * One generation of one tab: take the state, build the rank, and run steps until the last one or until a newer
 * generation is declared. A step commits at NORM; the next generation runs uncommitted steps again.
 */

import { InputError, PeerLost, StaleGeneration } from '../../errors';
import type { Group } from '../../net/collective/group';
import { makeGroup } from '../../net/collective/group';
import { outerAt } from '../../plan/outer';
import { isModelOnEach, isWholeOnAll } from '../../plan/plan';
import { batchOf, microbatchSize, type Samples, sharesOf } from '../data/data';
import type { ModelFiles } from '../files/checkpoint';
import { modelFiles } from '../files/checkpoint';
import { readModelFile } from '../files/weights';
import { sha256 } from '../hash';
import type { RankModel } from '../rank/rankcontract';
import type { RunFile } from '../runfile';
import { sharedParam, withBefore } from '../state/apart';
import { announce } from '../state/exchange';
import { mirror } from '../state/mirror';
import { type CutState, claimOf, gatherWeights, keepNewest, SINGLE, stateFromWeights } from '../state/sync';
import type { Circuit } from '../state/transfer';
import { beginningOf } from './beginning';
import { type Delivered, deliver } from './deliver';
import { heldOutLoss, isEvaluated } from './evaluate';
import { keepState } from './keep';
import { learningRate } from './learningrate';
import { probeLinks } from './linkprobe';
import { type Prepared, prepare } from './prepared';
import { Prover } from './prover';
import type { GenerationSetting } from './setting';
import type { StepMetrics } from './status';
import { packVote, readVote } from './vote';
import type { FilesRequest, Wishes } from './wishes';

/** The next mirror waits at least this many times the duration of the last one: at most two percent of the time. */
const MIRROR_REST = 50;

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
  /** The proof of the next step, if one was asked for. */
  #prover: Prover | null = null;
  /** Bytes sent when the newest step's NORM began: a step's traffic is counted from one NORM to the next. */
  #countedBytes = 0;
  /** True if parts of the model are on one rank only, so that the ranks keep copies for each other. */
  readonly #mirrors: boolean;
  #mirrorDueMs = Number.NEGATIVE_INFINITY;
  /** The newest mirror, until a step shows that all ranks have theirs. */
  #fresh: readonly CutState[] = [];
  #delivered: Delivered | null = null;
  /** True if the run has ended for all ranks before its last step. */
  #isEnded = false;

  constructor(
    readonly setting: GenerationSetting,
    readonly wishes: Wishes,
    /** Earlier states, beside the rank's own, until the ranks have a complete newer one. */
    private held: readonly CutState[],
    private prepared: Prepared | null,
  ) {
    const { transport, mesh, signal, trace, plan, mirrorEveryMs } = setting;
    // why no mirrors if replicas train apart: others have the outer parameters and cannot use a replica's own state
    const isCopied = isWholeOnAll(plan) || (plan.outer !== undefined && plan.dp > 1);
    this.#mirrors = mirrorEveryMs !== undefined && !isCopied && mesh.peers.length > 1;
    const all = mesh.peers.map((_, rank) => rank);
    this.#circuit = setting;
    this.#world = makeGroup(transport, mesh, 'dp', all, signal, { trace });
  }

  /**
   * Train to the last step. Returns the files of the model on rank 0, null on other ranks. Rejects with PeerLost or
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
   * parts of that are lost.
   */
  async close(): Promise<{ held: readonly CutState[]; prepared: Prepared | null }> {
    try {
      if (this.#delivered) return { held: [], prepared: this.prepared };
      const newest = this.#rank ? (await this.#readUnlessTorn()).flatMap(withBefore) : [];
      return { held: keepNewest([...newest, ...this.#fresh, ...this.held]), prepared: this.prepared };
    } finally {
      this.#built?.close();
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

  /** As #read; empty if parameters on their way were lost with a peer and an older state is kept. */
  async #readUnlessTorn(): Promise<readonly CutState[]> {
    try {
      return [await this.#read()];
    } catch (error) {
      const isTorn = error instanceof PeerLost || error instanceof StaleGeneration;
      if (!isTorn || this.#fresh.length + this.held.length === 0) throw error;
      return [];
    }
  }

  /** Take the text and the state, and build the rank. */
  async #prepare(): Promise<Prepared> {
    const { run, plan, mesh, text, reporter, init, trace, transport } = this.setting;
    const fromFile = init !== undefined && this.held.length === 0;
    const file = { step: 0, generation: mesh.generation, cutting: SINGLE };
    const announcements = await announce(
      this.#world,
      {
        held: fromFile ? [file] : this.held.map(claimOf),
        init: fromFile ? await sha256(init) : '',
        text: await text.describe(run.data.source),
      },
      `${mesh.generation}/0/announce`,
    );
    const bytes = await text.share(this.#circuit, announcements);
    const prepared =
      this.prepared ??
      prepare(run, bytes, (learned, of) => reporter.enter('syncing', `Learning byte pairs: ${learned} of ${of}.`));
    this.prepared = prepared;
    const { model } = prepared.run;
    if (fromFile) this.held = [stateFromWeights(model, readModelFile(model, init), mesh.generation)];
    const mine = await beginningOf(this.setting, prepared, announcements, this.held);
    const { state } = mine;
    // why without newer states: their steps run again
    this.held = keepNewest([
      ...(state ? [{ ...mine, state }] : []),
      ...this.held.filter(({ step }) => step <= mine.step),
    ]);
    this.#step = mine.step;
    this.#ranBy = mine.generation;
    // why above all announced numbers: kept states may come from an earlier room, which counted its own generations
    const newest = Math.max(0, ...announcements.flatMap(({ held }) => held.map(({ generation }) => generation)));
    this.#runs = newest < mesh.generation ? mesh.generation : newest + 1;
    if (reporter.step > mine.step) {
      this.#setBack = `A part of step ${reporter.step} was lost with a tab, so all go on from step ${mine.step}.`;
    }
    reporter.tell({ step: this.#step, vocab: model.vocab });
    const rank = await this.setting.makeRank({ ...this.setting, run: prepared.run, plan, mesh, transport, trace });
    this.#built = rank;
    await mine.write(rank);
    this.#rank = rank;
    this.setting.membership.holdsState(true);
    if (this.setting.probing && this.#step === 0) await probeLinks(this.#circuit, this.#world, trace);
    reporter.holds(rank.memory);
    this.#countedBytes = this.#bytesSent();
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
    const {
      loss,
      gradNorm,
      votes: said,
    } = await rank.runStep({
      step,
      lr,
      tokens,
      microbatches: batchOf(samples, step, { ...plan, globalBatch, d: mesh.coord.dp }),
      vote: () => {
        asked = this.wishes.requests();
        const ends = this.wishes.leaving() || this.wishes.endsAt(step + 1);
        const before = this.#countedBytes;
        this.#countedBytes = this.#bytesSent();
        return packVote({
          declared: Math.max(membership.declared, ends ? mesh.generation + 1 : 0),
          bytesSent: this.#countedBytes - before,
          files: asked.length > 0,
          proof: this.wishes.proofs().some(({ state }) => state === undefined),
          leaves: this.wishes.leaving(),
          ends: this.wishes.ending(),
          keeps: this.setting.keeper?.isDue(step + 1, run.train.steps) ?? false,
          mirror: t0 >= this.#mirrorDueMs,
        });
      },
    });
    const votes = said.map(readVote);
    this.#step = step + 1;
    this.#ranBy = this.#runs;
    // all ranks have voted, so each has its first state or its mirror from before this step
    if (this.#fresh.length > 0 || !this.#mirrors) [this.held, this.#fresh] = [this.#fresh, []];
    reporter.holds(rank.memory);
    const ms = performance.now() - t0;
    const bytesSent = votes.map((vote) => vote.bytesSent);
    const metrics: StepMetrics = { step, loss, gradNorm, lr, tokens, ms, bytesSent };
    const own = sharesOf(globalBatch, plan.dp)[mesh.coord.dp]!.count * run.model.context;
    try {
      const held = await this.#heldOut(run, samples);
      reporter.committed(held === undefined ? metrics : { ...metrics, heldOutLoss: held }, own);
    } catch (error) {
      // why: the step is committed even if its evaluation fails
      reporter.committed(metrics, own);
      throw error;
    }
    if (sampling && mesh.rank === 0 && isModelOnEach(plan)) {
      reporter.tell({ sample: { step: this.#step, text: await sampler.next(rank, this.#step) } });
    }
    const wanting = votes.flatMap(({ files }, at) => (files ? [at] : []));
    if (wanting.length > 0) await this.#give(prepared, wanting, asked);
    await this.#endProof();
    const declared = Math.max(...votes.map((vote) => vote.declared));
    const isLast = this.#step === run.train.steps;
    const wantsMirror = votes.some(({ leaves }) => leaves) || votes.every((vote) => vote.mirror);
    if (this.#mirrors && wantsMirror && !isLast) await this.#mirror(prepared);
    this.#isEnded = votes.some(({ ends }) => ends);
    // why not while replicas train apart: a kept state is one model, but the replicas differ until the next outer step
    const isKept = votes.some(({ keeps }) => keeps) && plan.outer === undefined;
    if (this.#isEnded || isKept) {
      if (plan.outer) await this.#uncounted(() => rank.bringTogether());
      await keepState(this.setting, prepared, { step: this.#step, generation: this.#ranBy }, rank);
    }
    this.#ran += 1;
    if (this.#isEnded) return;
    const isOver = declared > mesh.generation || this.#ran === this.setting.limit;
    // why: the next generation may have another plan, and the work of a rank that leaves must count for all
    if (isOver && !isLast && plan.outer) await this.#uncounted(() => rank.bringTogether());
    if (isOver && !isLast) throw new StaleGeneration(mesh.generation, Math.max(declared, mesh.generation + 1));
    const by = votes.findIndex(({ proof }) => proof);
    if (by >= 0 && !isLast) await this.#beginProof(prepared, by);
  }

  async #mirror({ run }: Prepared): Promise<void> {
    const t0 = performance.now();
    const mine = await this.#read();
    this.#fresh = await this.#uncounted(() => mirror(this.#circuit, run.model, mine));
    const t1 = performance.now();
    this.#mirrorDueMs = t1 + Math.max(this.setting.mirrorEveryMs!, MIRROR_REST * (t1 - t0));
  }

  async #beginProof(prepared: Prepared, by: number): Promise<void> {
    const { plan } = this.setting;
    if (plan.outer && !outerAt(plan.outer, this.#step, prepared.run.train.steps).exact) {
      const reason =
        'replicas train apart under plan.outer (DiLoCo), so no step is one that a single tab could compute';
      for (const request of by === this.setting.mesh.rank ? this.wishes.proofs() : []) {
        request.reject(new InputError(reason));
        request.state = 'answered';
      }
      return;
    }
    const prover = new Prover(this.setting, prepared, this.#step, by);
    this.#prover = prover;
    if (by === this.setting.mesh.rank) for (const request of this.wishes.proofs()) request.state ??= 'taken';
    const { state } = await this.#read();
    await this.#uncounted(() => prover.begin(state));
  }

  /** Only the asking rank makes the comparison and receives its errors; the others train on. */
  async #endProof(): Promise<void> {
    const prover = this.#prover;
    if (!prover) return;
    this.#prover = null;
    const mine = this.wishes.proofs().filter(({ state }) => state === 'taken');
    try {
      const gradients = await this.#rank!.gradients();
      const proof = await this.#uncounted(() => prover.end(gradients));
      for (const request of proof ? mine : []) request.resolve(proof!);
    } catch (error) {
      if (error instanceof PeerLost || error instanceof StaleGeneration) throw error;
      for (const request of mine) request.reject(error);
    }
    for (const request of mine) request.state = 'answered';
  }

  /** The held-out loss, or undefined if none is due. */
  async #heldOut({ train }: RunFile, samples: Samples): Promise<number | undefined> {
    const { plan, mesh } = this.setting;
    if (!isEvaluated(train, plan, this.#step) || samples.heldOut.length === 0) return undefined;
    const rows = microbatchSize(train.globalBatch, plan.dp, plan.microbatches);
    const tag = `${mesh.generation}/${this.#step}/heldout`;
    return heldOutLoss(this.#rank!, samples, rows, { plan, mesh, world: this.#world }, tag);
  }

  /** Give the model to the ranks that asked for it; all ranks take part. */
  async #give(
    prepared: Prepared,
    wanting: readonly number[],
    asked: readonly FilesRequest[],
  ): Promise<ModelFiles | null> {
    const { state, ...version } = await this.#read();
    const mine = { ...version, state: { ...state, param: sharedParam(state) } };
    const weights = await this.#uncounted(() => gatherWeights(this.#circuit, prepared.run.model, mine, wanting));
    if (!weights) return null;
    const files = modelFiles(prepared.run.model, prepared.corpus.tokenizer, weights);
    for (const request of asked) {
      request.resolve(files);
      request.answered = true;
    }
    return files;
  }

  /**
   * No rank leaves before all have committed the last step, because a rank that missed it takes it from the others in
   * the next generation.
   */
  async #finish(prepared: Prepared): Promise<ModelFiles | null> {
    const { transport, mesh, outlet, keeper } = this.setting;
    await keeper?.settle();
    if (outlet !== undefined) {
      const wanted = this.#isEnded ? null : outlet;
      this.#delivered = await this.#uncounted(() => {
        return deliver(this.setting, prepared, { step: this.#step, rank: this.#rank! }, wanted);
      });
      await transport.flush();
      return null;
    }
    const asked = this.wishes.requests();
    const wants = Uint8Array.of(asked.length > 0 ? 1 : 0);
    const all = await this.#world.exchange(wants, `${mesh.generation}/${this.#step}/end`);
    const wanting = all.flatMap((wish, rank) => (rank === 0 || wish[0] === 1 ? [rank] : []));
    const files = await this.#give(prepared, wanting, asked);
    await transport.flush();
    return mesh.rank === 0 ? files : null;
  }

  /** Run `work` without counting its bytes towards any step, whether it succeeds or not. */
  async #uncounted<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#bytesSent();
    try {
      return await work();
    } finally {
      this.#countedBytes += this.#bytesSent() - before;
    }
  }

  #bytesSent(): number {
    return this.setting.transport.stats().reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }
}
