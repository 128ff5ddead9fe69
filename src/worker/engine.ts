/**
 * The training side of a peer: device, transport, membership and trainer put together. Runs in the dedicated Worker of a
 * tab and, the same code, in a Node process. Knows the room only as messages.
 */
import { ProtocolError, sentenceOf } from '../errors';
import type { TuneStore } from '../gpu/autotune';
import { type GpuDevice, openDevice } from '../gpu/device';
import type { MemoryByRole } from '../gpu/instr';
import { Stream } from '../gpu/stream';
import { realClock } from '../net/clock';
import type { MembershipMessage } from '../net/membership/declaration';
import { RoomMembership } from '../net/membership/roommembership';
import type { Presence } from '../net/signaling/signaling';
import type { Channel } from '../net/wire/link';
import { linkTransport } from '../net/wire/links';
import type { LinkKind } from '../net/wire/transport';
import type { PeerId } from '../plan/mesh';
import { type ParallelPlan, parsePlan } from '../plan/plan';
import { Trace } from '../trace/trace';
import { hashRunFile } from '../train/hash';
import { rankMaker } from '../train/rank/rankmodel';
import { linksOf, readRunFile } from '../train/runfile';
import type { Proof } from '../train/trainer/proof';
import type { TrainerDeps } from '../train/trainer/setting';
import { IDLE, type KeptNews } from '../train/trainer/status';
import { startTrainer, type Trainer } from '../train/trainer/trainer';
import type { Engine, Handicap, ModelFiles, RankResult, RoomPort, StartOptions, TabStatus } from './api';
import { deskDeps } from './deskkeeper';
import { fitRun } from './fit';
import { loadKept } from './keptload';
import { KeptTrace } from './kepttrace';
import { OpfsKeeper } from './opfskeeper';
import { PackedTrace } from './packedtrace';
import { loadSource } from './sources';

/**
 * Ranks of one machine compete for its processor, and Dawn compiles shaders on the thread that sends heartbeats, so a
 * silent rank need not be dead. The signaling socket and the command line that started the ranks detect deaths.
 */
const HEADLESS_DEAD_MS = 60_000;

/** Heartbeats come every second, so a live link shows traffic within this time. */
const PROOF_OF_LIFE_MS = 1_200;

/** Status fields of a tab that the plan leaves out. The members it last trained with go on without it. */
const NO_MEMBER = { members: [], tokensPerSecond: { mine: 0, room: 0 } } as const;

/**
 * Time between two mirrors: the training time that is lost when a tab dies under a plan that cuts the model. The time
 * is longer where a mirror takes long.
 */
const MIRROR_EVERY_MS = 10_000;

export class WorkerEngine implements Engine {
  readonly #transport;
  #roster: ReadonlyMap<PeerId, Presence> = new Map();
  #linked: ReadonlySet<PeerId> = new Set();
  #membership: RoomMembership | undefined;
  #trainer: Trainer | undefined;
  #device: GpuDevice | undefined;
  #status: TabStatus = IDLE;
  #memory: MemoryByRole | null = null;
  #packed: PackedTrace | undefined;
  #every = 0;
  #unitMs = 0;
  #keeper: OpfsKeeper | undefined;
  #kept: KeptNews | undefined;

  /** `gpu` is navigator.gpu, or Dawn's in Node; undefined if there is none. `tuning` stores the kernel choices. */
  constructor(
    readonly self: PeerId,
    private readonly port: RoomPort,
    private readonly gpu: GPU | undefined,
    private readonly tuning?: TuneStore,
  ) {
    this.#transport = linkTransport({ self });
    this.#transport.onPeers((present) => {
      const before = this.#linked;
      this.#linked = new Set(present);
      for (const peer of present) if (!before.has(peer)) this.#membership?.linked(peer);
    });
    this.#transport.onSuspect((peer, isSuspect) => {
      if (isSuspect) this.#membership?.suspect(peer);
    });
    this.#transport.onSaid((peer, text) => this.#hear(peer, text));
    this.#transport.onLost((peer, reason) => {
      this.#membership?.unlinked(peer, reason);
      this.port.renew(peer);
    });
  }

  setRoster(roster: readonly Presence[]): void {
    this.#roster = new Map(roster.map((presence) => [presence.peer, presence]));
    this.#membership?.setRoster(this.#roster);
  }

  receive(from: PeerId, message: unknown): void {
    try {
      this.#membership?.receive(from, message);
    } catch (error) {
      // A peer that breaks the protocol is ignored and must not stop the ones that keep it.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** Receives the same messages over the link, which still works when signaling does not. */
  #hear(from: PeerId, text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // not a message of this protocol: ignored
      return;
    }
    this.receive(from, message);
  }

  addLink(peer: PeerId, bulk: Channel, control: Channel, kind: LinkKind = 'direct'): void {
    this.#transport.addLink(peer, bulk, control, kind);
  }

  unlinked(peer: PeerId, reason: string): void {
    this.#transport.drop(peer, reason);
  }

  async start(options: StartOptions): Promise<RankResult> {
    const trace = new Trace();
    const kept = new KeptTrace(options.keepTrace ? trace : undefined);
    this.#packed = new PackedTrace(trace);
    this.#packed.watch(this.#every);
    try {
      this.#publish({ ...IDLE, phase: 'opening' });
      if (options.expect !== undefined) this.#transport.waitLonger(HEADLESS_DEAD_MS);
      const device = await openDevice(this.gpu);
      this.#device = device;
      const membership = await this.#join(options, device.report.adapter);
      const { init, limitBytes, sampling } = options;
      const limit = limitBytes === undefined ? {} : { limitBytes };
      const tuning = this.tuning ? { tuning: this.tuning } : {};
      this.#trainer = startTrainer({
        membership,
        transport: this.#transport,
        trace,
        makeRank: rankMaker(new Stream(device, trace), { ...limit, ...tuning, unitMs: () => this.#unitMs }),
        loadSource: (source) => loadSource(options.sources, source),
        sampling,
        onStatus: (status) => this.#publish(status),
        ...(init ? { init } : {}),
        ...(options.probing ? { probing: true } : {}),
        // why not headless: there the death of a rank ends the run, and every byte is counted
        ...(options.expect === undefined ? { mirrorEveryMs: MIRROR_EVERY_MS } : {}),
        ...(options.desk ? deskDeps(options.desk) : {}),
        ...(options.keep ? this.#keepDeps(options.keep) : {}),
        ...(options.tour ? { tour: { ...options.tour, ask: (plan) => membership.ask({ plan }) } } : {}),
      });
      const result = await this.#trainer.finished;
      const links = this.#transport.stats();
      return {
        ...result,
        memory: this.#memory,
        bytesSent: links.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
        bytesReceived: links.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0),
        adapter: device.report.adapter,
        software: device.report.software,
        plan: this.#status.plan,
        trace: kept.events,
        timeOriginMs: performance.timeOrigin,
      };
    } catch (error) {
      if (this.#status.phase !== 'failed')
        this.#publish({ ...this.#status, phase: 'failed', sentence: sentenceOf(error) });
      throw error;
    } finally {
      kept.stop();
      this.#packed.stop();
      this.#leave();
    }
  }

  stop(): void {
    this.port.announce({ state: 'observer' });
    this.#trainer?.stop();
  }

  end(): void {
    this.#trainer?.end();
  }

  keep(): void {
    this.#keeper?.ask();
  }

  pause(paused: boolean): void {
    this.#membership?.ask({ paused });
  }

  switchPlan(plan: ParallelPlan): void {
    this.#membership?.ask({ plan });
  }

  handicap({ unitMs, ...shape }: Handicap): void {
    this.#unitMs = unitMs;
    this.#transport.shape(shape);
  }

  async prove(): Promise<Proof> {
    if (!this.#trainer) throw new ProtocolError('nothing is trained in this tab');
    return this.#trainer.prove();
  }

  async files(): Promise<ModelFiles> {
    if (!this.#trainer) throw new ProtocolError('nothing has been trained in this tab yet');
    return this.#trainer.files();
  }

  /** Send the trace of each `every`-th step to the page, 0 for none. */
  watch(every: number): void {
    this.#every = every;
    this.#packed?.watch(every);
  }

  close(): void {
    this.#trainer?.stop();
    this.#transport.close();
    this.#device?.close();
  }

  /** Announces that this peer is willing, and takes part in declaring generations. */
  async #join(options: StartOptions, adapter: string): Promise<RoomMembership> {
    const { self, build, expect } = options;
    const run = options.run === '' ? undefined : readRunFile(options.run);
    const hash = run ? await hashRunFile(run) : '';
    const membership = new RoomMembership({
      self,
      clock: realClock,
      firstReport: Date.now(),
      build,
      run: { text: options.run, hash },
      plan: run?.plan ?? parsePlan({}),
      fit: fitRun,
      send: (to, message) => this.#tell(to, message),
      holds: (holds) => this.port.announce({ holds }),
      question: (peer) => this.#transport.question(peer, PROOF_OF_LIFE_MS, 'it left the room'),
      want: (peers) => this.port.want(peers, linksOf(this.#membership?.newest.run ?? '') ?? 'webrtc'),
      onChange: () => this.#showWaiting(),
      ...(expect === undefined ? {} : { expect }),
    });
    this.#membership = membership;
    for (const peer of this.#linked) membership.linked(peer);
    membership.setRoster(this.#roster);
    this.port.announce({ state: 'willing', adapter, run: hash, holds: 0 });
    return membership;
  }

  #keepDeps({ room, goOn }: NonNullable<StartOptions['keep']>): Pick<TrainerDeps, 'keeper' | 'kept'> {
    this.#kept = undefined;
    this.#keeper = new OpfsKeeper(room, (kept) => {
      this.#kept = kept;
      this.#publish({ ...this.#status, newMetrics: [] });
    });
    return { keeper: this.#keeper, ...(goOn ? { kept: (run) => loadKept(room, run) } : {}) };
  }

  /** Sends both ways: either channel may be broken unnoticed, and receiving a message twice has no effect. */
  #tell(to: PeerId, message: MembershipMessage): void {
    this.#transport.say(to, JSON.stringify(message));
    this.port.send(to, message);
  }

  #leave(): void {
    this.port.announce({ state: 'observer', holds: 0 });
    this.#membership = undefined;
    this.#device?.close();
    this.#device = undefined;
  }

  #publish(status: TabStatus): void {
    this.#memory = status.memory ?? this.#memory;
    for (const pack of this.#packed?.flush() ?? []) this.port.trace(pack, this.#packed!.lost);
    const membership = status.phase === 'waiting' ? this.#membership : undefined;
    const sentence = membership?.describe() || status.sentence;
    // why not of an empty generation: it leaves nobody out; all peers wait for tabs or another plan
    const members = membership?.newest.peers ?? [];
    const isLeftOut = members.length > 0 && !members.includes(membership!.self);
    const kept = this.#kept ? { kept: this.#kept } : {};
    this.#status = { ...status, sentence, ...(isLeftOut && NO_MEMBER), ...kept };
    this.port.status(this.#status);
  }

  /** While the trainer waits for a generation, the reason for waiting may change: publish the new one. */
  #showWaiting(): void {
    const sentence = this.#membership?.describe() ?? '';
    if (this.#status.phase !== 'waiting' || sentence === '' || sentence === this.#status.sentence) return;
    this.#publish({ ...this.#status, newMetrics: [] });
  }
}
