/**
 * A rank's part in a room under the plan `auto`. Every rank measures itself while it trains. When a look is due, rank 0
 * asks for one in its vote; at that step border all say what they have measured, and probe their links if they are new to
 * each other. Rank 0 then plans, a piece between two steps, and asks the room for the plan as for any other.
 */
import { PlanError } from '../../../errors';
import { unitSizes } from '../../../model/model';
import type { Group } from '../../../net/collective/group';
import { type AutoChoice, choosing, type Measured } from '../../../plan/auto';
import { pacesOf } from '../../../plan/balance';
import { reordered } from '../../../plan/linkcosts';
import { Lookout, setOf } from '../../../plan/lookout';
import { devicesOf, ownDevice, type Profile } from '../../../plan/measured';
import { Pilot } from '../../../plan/pilot';
import { isWholeOnAll, type ParallelPlan, parsePlan, withoutSpeeds } from '../../../plan/plan';
import { PlanTrial } from '../../../plan/plantrial';
import { linksBetween, probedLinks, slowestProbed } from '../../../plan/probed';
import { replicaShares } from '../../../plan/shares';
import { goingBack, unlessLost } from '../../../plan/verdict';
import type { TraceEvent } from '../../../trace/trace';
import { recordedSizes } from '../../rank/modelsizes';
import type { RankModel } from '../../rank/rankcontract';
import type { RunFile } from '../../runfile';
import type { Load } from '../asked/vote';
import type { AutoMemory, Known } from '../given/automemory';
import type { GenerationSetting } from '../given/setting';
import { probeLinks } from './linkprobe';
import { lookBytes, readLook, readProbed } from './lookmessages';

/** Steps of which a rank keeps its trace. A look comes after so many, so that each is whole. */
const TRACED_STEPS = 4;
/** Steps that a pace is measured over. */
const PACE_STEPS = 8;
/** Time between two steps that planning may take: one simulated plan at least. */
const PIECE_MS = 10;
/** With fewer steps left, a run goes on as it is. */
const LEAST_LEFT = 20;
/** Of a machine, in GB, where its browser does not say it. */
const MEMORY_GB = 8;
const READS = 3;

export class Chooser {
  readonly #known: Known;
  readonly #memory: AutoMemory;
  readonly #stop: () => void;
  readonly #peers: readonly string[];
  readonly #isLead: boolean;
  /** With the vocabulary, once a step is committed. */
  #run: RunFile;
  #events: TraceEvent[] = [];
  /** Committed steps in which every rank had measured itself. */
  #steps = 0;
  #step = 0;
  /** When the last step was committed; NaN before the first of this generation. */
  #atMs = Number.NaN;
  #loads: (readonly Load[])[] = [];
  #paces: readonly number[] = [];
  #work: { readonly measured: Measured; readonly pieces: Generator<undefined, AutoChoice> } | null = null;
  /** Rank 0 has something to say that not all have heard in this generation. */
  #tells: boolean;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly asking: NonNullable<GenerationSetting['balancing']>,
    /** What a change of the plan costs. */
    private readonly changeMs: number,
  ) {
    const { auto, mesh, trace, plan, reporter } = setting;
    this.#memory = auto;
    this.#run = setting.run;
    this.#peers = mesh.peers;
    this.#isLead = mesh.rank === 0;
    auto.known ??= { lookout: new Lookout(), profile: null, ...nothingKnown('') };
    this.#known = auto.known;
    // why: what was chosen for other peers says nothing about these
    const peers = setOf(this.#peers);
    if (this.#known.peers !== peers) Object.assign(this.#known, nothingKnown(peers));
    this.#known.pilot?.onPlan(plan);
    this.#tells = this.#known.news !== null;
    reporter.tell({ auto: this.#known.news ?? undefined });
    this.#stop = trace.subscribe((event) => this.#keep(event));
  }

  /** Whether rank 0 asks all ranks to look at the next step border. */
  get looks(): boolean {
    if (!this.#isLead || this.#steps < TRACED_STEPS || this.#work) return false;
    return this.#tells || this.#isDue;
  }

  /** Nothing is to be chosen now, so that shares of the batch may follow the measured speed. Rank 0 asks for both. */
  get isSettled(): boolean {
    return !this.#isLead || (!this.#work && this.#known.lookout.knows(this.#peers));
  }

  /** A step is committed: `step` of the run in all; `loads`: of all ranks, the same on all of them. */
  committed(run: RunFile, step: number, loads: readonly Load[]): void {
    this.#run = run;
    this.#step = step;
    // why: a rank that says nothing has not loaded this file yet
    if (loads.some(({ computeMs }) => computeMs === 0)) return;
    this.#steps += 1;
    this.#loads = [...this.#loads, loads].slice(-PACE_STEPS);
    if (this.#loads.length === PACE_STEPS && this.#steps % PACE_STEPS === 0) this.#paces = this.#pacesNow();
    this.#known.pilot?.setMode(this.#memory.isAllowed ? 'approximate' : 'exact', step);
    this.#known.pilot?.onStep(step);
    this.#judge();
    if (this.#known.news && this.#known.news.isAllowed !== this.#memory.isAllowed && this.#isLead) this.#tell();
    this.#plan();
  }

  /**
   * Say what this rank has measured, and hear the others; `rank` is read from, `step` steps are committed. All ranks call
   * it at the same step border. Rejects with PeerLost.
   */
  async look(rank: RankModel, world: Group, step: number): Promise<void> {
    const { mesh, trace } = this.setting;
    const looks = this.#isLead && this.#isDue;
    this.#known.profile = (await this.#measure(rank)) ?? this.#known.profile;
    const { profile, news, links } = this.#known;
    const lead = this.#isLead ? { looks, probes: looks && links === null, news } : null;
    const tag = `${mesh.generation}/${step}/auto`;
    const all = (await world.exchange(lookBytes({ profile, lead }), tag)).map(readLook);
    const led = all[0]?.lead;
    this.#tells = false;
    if (!led) return;
    if (!this.#isLead && led.news) this.#hear(led.news);
    if (led.probes) {
      await probeLinks(this.setting, world, trace);
      const said = await world.exchange(lookBytes(probedLinks(this.#events, mesh.rank)), `${tag}/links`);
      const read = said.map(readProbed);
      const isKnown = read.some((one) => one !== null);
      this.#known.links = isKnown ? { probed: slowestProbed(read), peers: mesh.peers } : null;
    }
    if (!led.looks) return;
    const profiles = all.map((one) => one?.profile ?? null).filter((one) => one !== null);
    const isMeasured = profiles.length === all.length && this.#known.links !== null;
    if (isMeasured) this.#known.lookout.looked(this.#peers, performance.now());
    else this.#steps = 0;
    if (!this.#isLead) return;
    if (isMeasured) this.#begin(profiles);
    // why: only with the whole model does a rank measure itself
    else if (!isWholeOnAll(this.setting.plan)) this.asking.ask(parsePlan({ dp: this.#peers.length }));
  }

  close(): void {
    this.#stop();
  }

  get #isDue(): boolean {
    const { plan } = this.setting;
    if (this.#run.train.steps - this.#step < LEAST_LEFT || this.asking.mayAsk?.() === false) return false;
    const cut = JSON.stringify(withoutSpeeds(plan));
    return this.#known.lookout.isDue(this.#peers, cut, this.#paces, performance.now());
  }

  #keep(event: TraceEvent): void {
    const isOfRank = event.lane === 'gpu' || event.lane === 'net' || event.name === 'NORM';
    if (!isOfRank) return;
    if (this.#events[0] && this.#events[0].step < event.step - TRACED_STEPS) {
      this.#events = this.#events.filter(({ step }) => step >= event.step - TRACED_STEPS);
    }
    this.#events.push(event);
  }

  /** This rank's profile; null while it has not the whole model. */
  async #measure(rank: RankModel): Promise<Profile | null> {
    const { plan, mesh } = this.setting;
    if (!isWholeOnAll(plan)) return null;
    const share = replicaShares(this.#run.train.globalBatch, plan)[mesh.coord.dp]!;
    const { machineOf, isPaced } = this.asking;
    const device = this.#device(share, memoryBytes());
    if (!device) return null;
    const times: number[] = [];
    for (let i = 0; i < READS; i++) {
      const t0 = performance.now();
      await rank.readPart('param', 1, 0, 1);
      times.push(performance.now() - t0);
    }
    const machine = isPaced?.() ? undefined : machineOf?.(mesh.peers[mesh.rank]!);
    return { ...device, hostMs: Math.min(...times), ...(machine !== undefined && { machine }) };
  }

  /** Null where the trace lacks a pass. */
  #device(share: number, memoryBytes: number) {
    try {
      return ownDevice(this.setting.plan, this.#events, this.#workload, share, memoryBytes);
    } catch (error) {
      if (error instanceof PlanError) return null;
      throw error;
    }
  }

  get #workload() {
    const { model, train } = this.#run;
    return { model: recordedSizes(model), globalBatch: train.globalBatch };
  }

  #begin(profiles: readonly Profile[]): void {
    const hostMs = Math.max(...profiles.map((one) => one.hostMs));
    const { probed, peers } = this.#known.links!;
    const machines = peers.map((peer) => this.asking.machineOf?.(peer) ?? peer);
    // why: an earlier generation has probed, in which peers may have had other ranks
    const order = this.#peers.map((peer) => peers.indexOf(peer));
    const links = reordered(linksBetween(probed, hostMs, machines), order);
    const measured = { workload: this.#workload, devices: devicesOf(profiles), links };
    const running = { plan: this.setting.plan, changeMs: this.changeMs };
    this.#work = { measured, pieces: choosing(measured, this.#step, this.#run.train.steps, running) };
  }

  /** Goes back to the plan before, where the steps of this one take longer. */
  #judge(): void {
    const { plan } = this.setting;
    const [lastMs, nowMs] = [this.#atMs, performance.now()];
    this.#atMs = nowMs;
    if (!this.#isLead || Number.isNaN(lastMs)) return;
    const verdict = this.#known.trial.step(plan, nowMs - lastMs);
    const chosen = this.#known.pilot?.chosen;
    if (verdict && chosen) this.#take(goingBack(chosen.choice, verdict, chosen.measured), chosen.measured);
  }

  /** Continue to plan for a while. */
  #plan(): void {
    if (!this.#work) return;
    const { measured, pieces } = this.#work;
    const until = performance.now() + PIECE_MS;
    do {
      const { done, value } = pieces.next();
      if (done) {
        this.#work = null;
        this.#take(unlessLost(value, this.#known.trial, measured), measured);
        return;
      }
    } while (performance.now() < until);
  }

  #take(choice: AutoChoice, measured: Measured): void {
    const { plan } = this.setting;
    const ask = (wanted: ParallelPlan) => this.asking.ask(wanted);
    const mode = this.#memory.isAllowed ? 'approximate' : 'exact';
    this.#known.pilot ??= new Pilot(this.#run.train.steps, mode, ask);
    this.#known.pilot.onPlan(plan);
    this.#known.pilot.take(choice, measured, this.#step);
    this.#tell();
  }

  /** Say what was chosen: here at once, to the others at the next look. */
  #tell(): void {
    const { pilot } = this.#known;
    if (!pilot) return;
    const { isAllowed } = this.#memory;
    this.#known.news = { why: pilot.why('tab', 'tabs'), offer: pilot.offer, isAllowed };
    this.setting.reporter.tell({ auto: this.#known.news });
    this.#tells = true;
  }

  #hear(news: NonNullable<Known['news']>): void {
    this.#known.news = news;
    this.#memory.isAllowed = news.isAllowed;
    this.setting.reporter.tell({ auto: news });
  }

  #pacesNow(): readonly number[] {
    const { plan } = this.setting;
    const ranks = this.#peers.map((peer, at) => {
      const times = this.#loads.map((loads) => loads[at]!.computeMs).sort((a, b) => a - b);
      return { ms: times[times.length >> 2]!, machine: this.asking.machineOf?.(peer) };
    });
    return pacesOf(plan, unitSizes(this.#run.model, 1), this.#run.train.globalBatch, ranks);
  }
}

/** What is known of a room of `peers` before it has looked. */
const nothingKnown = (peers: string) => ({ peers, links: null, pilot: null, news: null, trial: new PlanTrial() });

/** Half of what the machine has, because other programs need some, too. Browsers say at most 8 GB, and some say nothing. */
function memoryBytes(): number {
  const { deviceMemory = MEMORY_GB } = (globalThis.navigator ?? {}) as { readonly deviceMemory?: number };
  return (deviceMemory / 2) * 1e9;
}
