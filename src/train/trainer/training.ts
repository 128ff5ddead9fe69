/**
 * The training of one tab, generation after generation. Keeps what outlives a generation (state, text, requests);
 * generation.ts runs a single one. Awaits only the device and the network.
 */
import { BadContribution, InputError, isGenerationOver, sentenceOf } from '../../errors';
import type { Generation, JoinedGeneration } from '../../net/membership/membership';
import { makeMesh, type PeerId } from '../../plan/mesh';
import { isModelOnEach, type ParallelPlan } from '../../plan/plan';
import { validatePlan } from '../../plan/rules';
import { endsLeg, planAt } from '../../plan/tour';
import { lackingIn } from '../data/tokenizer';
import type { ModelFiles } from '../files/checkpoint';
import { type RunFile, readRunFile } from '../runfile';
import type { CutState } from '../state/sync';
import type { Circuit } from '../state/transfer';
import type { Resting } from './answers/resting';
import type { Proof } from './asked/proof';
import { Questions } from './asked/questions';
import type { FilesRequest, ProofRequest } from './asked/requests';
import { GenerationRun } from './generation';
import type { AutoMemory } from './given/automemory';
import type { Prepared } from './given/prepared';
import { Reporter } from './given/report';
import type { TrainerDeps } from './given/setting';
import { TextSource } from './given/text';
import type { Delivered } from './giving/deliver';
import { ownFiles } from './giving/ownfiles';
import { inReserve } from './kept/reserve';
import { leavingWords } from './parting';
import { weightsHash } from './proofs/prover';
import { Recovery } from './recovery';
import type { TrainResult } from './trainercontract';
import { warmUp } from './warmup';

const NO_STEP_TO_COMPARE = 'training ended before a step could be compared';

export class Training {
  readonly questions = new Questions(() => this.#round?.answering.asked());
  readonly #reporter: Reporter;
  readonly #text: TextSource;
  readonly #recovery: Recovery;
  readonly #leave = new AbortController();
  #requests: FilesRequest[] = [];
  #proofs: ProofRequest[] = [];
  /** Set while a generation trains: requests are then answered at its next step border. */
  #round: GenerationRun | undefined;
  #ended = false;
  #ending = false;
  /** Newest first; older states are kept in case parts of the newest are lost with a peer. */
  #held: readonly CutState[] = [];
  #prepared: Prepared | null = null;
  /** Of a run that is done, on rank 0 and where somebody may ask: under a plan that cuts the model no state is all of it. */
  #files: ModelFiles | null = null;
  /** Set in a pause in which this tab holds a part of the model. */
  #resting: Promise<Resting> | undefined;
  /** Set after the end of a run whose state is not kept here. */
  #delivered: Delivered | null = null;
  #runText = '';
  #beganMs = 0;
  #copied: number | undefined;
  #auto: AutoMemory = { isAllowed: false, known: null };
  #rank = 0;
  /** Of the newest generation. */
  #peers: readonly PeerId[] = [];

  constructor(readonly deps: TrainerDeps) {
    this.#reporter = new Reporter(deps.transport, deps.onStatus);
    this.#recovery = new Recovery(deps, this.#reporter);
    this.#text = new TextSource(deps.loadSource);
  }

  async run(): Promise<TrainResult> {
    try {
      let ended: TrainResult['end'] | null = null;
      for (let after = 0, paused = false; ended === null; ) {
        if (paused) this.#reporter.enter('paused', 'Paused.');
        else this.#reporter.enter('waiting', 'Waiting for the room.');
        const joined = await this.#next(after);
        if (joined === null) {
          this.#reporter.enter('stopped');
          return await this.#result('stopped', null);
        }
        ({ number: after, paused } = joined);
        ({ ended, files: this.#files } = await this.#enter(joined));
        await this.#recovery.settle();
      }
      this.#reporter.enter(ended);
      return await this.#result(ended, this.#rank === 0 ? this.#files : null);
    } catch (error) {
      this.deps.membership.fail(leavingWords(error));
      this.#reporter.enter('failed', sentenceOf(error));
      throw error;
    } finally {
      this.#answer();
      this.#ended = true;
      this.questions.end('training has ended, so the ranks answer nothing more');
      for (const { reject } of this.#proofs) reject(new InputError(NO_STEP_TO_COMPARE));
    }
  }

  stop(): void {
    this.#leave.abort();
  }

  end(): void {
    this.#ending = true;
  }

  allow(approximate: boolean): void {
    this.#auto.isAllowed = approximate;
  }

  lacking(text: string): readonly string[] {
    return this.#prepared ? lackingIn(this.#prepared.corpus.tokenizer, text) : [];
  }

  async prove(): Promise<Proof> {
    if (this.#ended) throw new InputError(NO_STEP_TO_COMPARE);
    return new Promise((resolve, reject) => this.#proofs.push({ resolve, reject }));
  }

  files(): Promise<ModelFiles> {
    return new Promise((resolve, reject) => {
      this.#requests.push({ resolve, reject });
      if (!this.#round) this.#answer();
    });
  }

  /** The next generation, null when this tab leaves instead. */
  async #next(after: number): Promise<JoinedGeneration | null> {
    try {
      const { membership, transport, mirrorEveryMs } = this.deps;
      const next = async () => {
        await this.#warmUp();
        return membership.next(after, this.#leave.signal);
      };
      if (mirrorEveryMs === undefined) return await next();
      const take = (copy: CutState, { number, run }: Generation) => this.#take(copy, number, run);
      return await inReserve({ membership, transport, text: this.#text, take }, next);
    } catch (error) {
      if (this.#leave.signal.aborted) return null;
      throw error;
    }
  }

  /** Where others train, build this tab's rank once before it waits for a generation, so that they do not wait for it. */
  async #warmUp(): Promise<void> {
    const likely = this.#recovery.isCold ? await this.deps.membership.arrived(this.#leave.signal) : null;
    if (likely === null) return;
    await this.#begin(likely.run, readRunFile(likely.run));
    try {
      this.#prepared = await warmUp(this.deps, likely, this.#text, this.#prepared, this.#leave.signal);
      this.#recovery.isCold = false;
    } catch (error) {
      this.#leave.signal.throwIfAborted();
      this.#recovery.after(error);
      await this.#recovery.settle();
      await this.#warmUp();
    }
  }

  /** Train in one generation until it ends. A lost peer ends it, as a newer generation does. */
  async #enter(joined: JoinedGeneration): Promise<{ ended: TrainResult['end'] | null; files: ModelFiles | null }> {
    const { number, peers, plan, paused, steps: limit } = joined;
    const run = readRunFile(joined.run);
    await this.#begin(joined.run, run);
    this.deps.transport.enterGeneration(number);
    const mesh = makeMesh(number, peers, peers.indexOf(this.deps.membership.self), plan);
    const { globalBatch, steps } = run.train;
    validatePlan(plan, { ...run.model, ranks: peers.length, globalBatch });
    [this.#rank, this.#peers] = [mesh.rank, peers];
    this.#reporter.tell({ generation: number, rank: mesh.rank, members: peers, run, plan, steps, traced: 0 });
    this.#resting = undefined;
    if (paused) {
      if (!isModelOnEach(plan)) this.#rest({ mesh, transport: this.deps.transport, signal: joined.signal }, plan);
      return { ended: null, files: null };
    }
    const round = new GenerationRun(
      {
        ...this.deps,
        trace: this.deps.trace.of(number, mesh.rank),
        run,
        plan,
        mesh,
        signal: joined.signal,
        limit,
        text: this.#text,
        copied: this.#copied,
        beganMs: this.#beganMs,
        reporter: this.#reporter,
        auto: this.#auto,
      },
      {
        leaving: () => this.#leave.signal.aborted,
        ending: () => this.#ending,
        endsAt: (step) => this.deps.tour !== undefined && endsLeg(this.deps.tour, step),
        requests: () => this.#requests,
        proofs: () => this.#proofs,
        question: () => this.questions.open,
        listening: () => this.deps.listening?.() ?? false,
      },
      this.#held,
      this.#prepared,
    );
    this.#copied = undefined;
    [this.#round, this.#recovery.isCold] = [round, false];
    let hasFailed = false;
    try {
      const files = await round.train();
      return { ended: round.step < steps ? 'stopped' : 'done', files };
    } catch (error) {
      const isAborted = joined.signal.aborted && error === joined.signal.reason;
      if (isGenerationOver(error) || isAborted) return { ended: null, files: null };
      // the step runs again without the rank whose numbers are bad, which leaves by itself
      const isBad = error instanceof BadContribution;
      if (isBad && !error.ranks.includes(mesh.rank)) return { ended: null, files: null };
      hasFailed = true;
      // why here: closing the round may wait for peers, and they wait for this one
      this.#recovery.after(error);
      return { ended: null, files: null };
    } finally {
      this.#round = undefined;
      ({ held: this.#held, prepared: this.#prepared } = await round.close(hasFailed));
      // why: the state of a device that computes wrongly must not reach the others
      if (this.#recovery.isWrong) this.#held = [];
      this.#delivered = round.delivered;
      const [mine] = this.#held;
      // why only then: a generation that broke early leaves a state that an earlier plan has cut
      const isOfThis = JSON.stringify(mine?.cutting) === JSON.stringify({ plan, rank: mesh.rank });
      if (mine && this.#prepared && isOfThis) {
        const hash = await weightsHash(this.#prepared, mine);
        this.#reporter.tell({ weights: { generation: number, step: mine.step, hash } });
      }
      this.#requests = this.#requests.filter(({ answered }) => !answered);
      this.#proofs = this.#proofs.filter(({ state }) => state !== 'answered');
      // Requests that a broken generation left unfinished begin anew.
      for (const request of this.#proofs) delete request.state;
      this.#answer();
      this.#askOnward(mesh.rank);
    }
  }

  /** Give the other ranks what this one holds of the model, and take theirs, until the pause ends. */
  #rest(circuit: Circuit, plan: ParallelPlan): void {
    const held = () => ({ mine: this.#held[0], prepared: this.#prepared });
    this.#resting = import('./answers/resting').then(({ Resting }) => new Resting(circuit, plan, held));
    // what fails is said to who asks
    this.#resting.catch(() => {});
  }

  /** Hold a copy of the state of those who train, and of older steps nothing. */
  async #take(copy: CutState, generation: number, run: string): Promise<void> {
    await this.#begin(run, readRunFile(run));
    this.#held = [...this.#held.filter(({ step }) => step > copy.step), copy];
    this.#copied = copy.step;
    this.deps.membership.holdsCopy(generation);
  }

  /** A run other than the previous one begins without a state; the first run begins with the states kept of it. */
  async #begin(runText: string, run: RunFile): Promise<void> {
    if (runText === this.#runText) return;
    if (this.#runText !== '') this.questions.drop('the room trains another run now; ask again');
    if (this.#runText !== '') [this.#held, this.#prepared] = [[], null];
    const isFirst = this.#runText === '';
    // why before the wait: a copy may arrive meanwhile, and begins with this run too
    this.#runText = runText;
    this.#beganMs = Date.now();
    this.#reporter.begin();
    this.#auto = { isAllowed: false, known: null };
    if (isFirst && this.deps.goesOn) this.#held = [...this.#held, ...((await this.deps.kept?.(run, 0)) ?? [])];
  }

  /** At the end of a leg of a tour, rank 0 asks for the next plan. */
  #askOnward(rank: number): void {
    const { tour } = this.deps;
    const step = this.#held[0]?.step ?? 0;
    if (rank === 0 && tour && endsLeg(tour, step)) tour.ask(planAt(tour, step));
  }

  /** Answer requests for the model between generations, from what this tab holds. */
  #answer(): void {
    const requests = this.#requests;
    this.#requests = [];
    const known = { ...this.deps, text: this.#text, reporter: this.#reporter };
    const resting = this.#resting;
    const others = resting && (async () => (await resting).weights());
    for (const { resolve } of requests) {
      resolve(this.#files ?? ownFiles(known, this.#peers, this.#held, this.#prepared, others));
    }
  }

  async #result(end: TrainResult['end'], files: ModelFiles | null): Promise<TrainResult> {
    const [[mine], prepared] = [this.#held, this.#prepared];
    const { step, weightsHash: hash } = this.#delivered ?? {
      step: mine?.step ?? 0,
      weightsHash: mine && prepared ? await weightsHash(prepared, mine) : '',
    };
    return { end, run: prepared?.run ?? null, step, rank: this.#rank, weightsHash: hash, files };
  }
}
