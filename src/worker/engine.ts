/**
 * The training side of a peer: device, transport, membership and trainer put together. Runs in the dedicated Worker of a
 * tab and, the same code, in a Node process. Knows the room only as messages.
 */
import { ProtocolError, sentenceOf } from '../errors';
import type { TuneStore } from '../gpu/autotune';
import type { MemoryByRole } from '../gpu/instr';
import type { Change } from '../net/membership/change';
import type { Presence } from '../net/signaling/signaling';
import type { Channel } from '../net/wire/link';
import type { LinkKind } from '../net/wire/transport';
import type { PeerId } from '../plan/mesh';
import type { ParallelPlan } from '../plan/plan';
import { Trace } from '../trace/trace';
import type { Said, Wish } from '../train/chat/continuation';
import { passGate } from '../train/rank/gate';
import type { Proof } from '../train/trainer/asked/proof';
import type { TrainerDeps } from '../train/trainer/given/setting';
import { IDLE, type KeptNews } from '../train/trainer/given/status';
import { startTrainer } from '../train/trainer/trainer';
import type { Trainer } from '../train/trainer/trainercontract';
import type { Engine, Handicap, ModelFiles, RankResult, RoomPort, StartOptions, TabStatus, Traced } from './api';
import { DeviceHolder } from './deviceholder';
import { loadKept } from './kept/keptload';
import { KeptTrace } from './kept/kepttrace';
import { OpfsKeeper } from './kept/opfskeeper';
import { RoomSide } from './roomside';
import { loadSource } from './sources';
import { PackedTrace } from './watch/packedtrace';

/**
 * Ranks of one machine compete for its processor, and Dawn compiles shaders on the thread that sends heartbeats, so a
 * silent rank need not be dead. The signaling socket and the command line that started the ranks detect deaths.
 */
const HEADLESS_DEAD_MS = 60_000;

/** Status fields of a tab that the plan leaves out. The members it last trained with go on without it. */
const NO_MEMBER = { members: [], tokensPerSecond: { mine: 0, room: 0 } } as const;

/**
 * Time between two mirrors: the training time that is lost when a tab dies under a plan that cuts the model. The time
 * is longer where a mirror takes long.
 */
const MIRROR_EVERY_MS = 10_000;

export class WorkerEngine implements Engine {
  readonly #room: RoomSide;
  #trainer: Trainer | undefined;
  readonly #device: DeviceHolder;
  #status: TabStatus = IDLE;
  #memory: MemoryByRole | null = null;
  #packed: PackedTrace | undefined;
  #every = 0;
  #unitMs = 0;
  #keeper: OpfsKeeper | undefined;
  #kept: KeptNews | undefined;
  #keptTrace: KeptTrace | undefined;
  #isListening = false;

  /** `gpu` is navigator.gpu, or Dawn's in Node; undefined if there is none. `tuning` stores the kernel choices. */
  constructor(
    readonly self: PeerId,
    private readonly port: RoomPort,
    gpu: GPU | undefined,
    tuning?: TuneStore,
  ) {
    this.#device = new DeviceHolder(gpu, tuning);
    this.#room = new RoomSide(self, port, () => this.#showWaiting());
  }

  setRoster(roster: readonly Presence[]): void {
    this.#room.setRoster(roster);
  }

  receive(from: PeerId, message: unknown): void {
    this.#room.receive(from, message);
  }

  addLink(peer: PeerId, bulk: Channel, control: Channel, kind: LinkKind = 'direct'): void {
    this.#room.addLink(peer, bulk, control, kind);
  }

  unlinked(peer: PeerId, reason: string): void {
    this.#room.unlinked(peer, reason);
  }

  async start(options: StartOptions): Promise<RankResult> {
    const trace = new Trace();
    const kept = new KeptTrace(options.keepTrace ? trace : undefined);
    this.#keptTrace = kept;
    this.#packed = new PackedTrace(trace, () => this.#sendTrace());
    this.#packed.watch(this.#every);
    try {
      this.#publish({ ...IDLE, phase: 'opening' });
      if (options.expect !== undefined) this.#room.transport.waitLonger(HEADLESS_DEAD_MS);
      const device = await this.#device.open();
      // why not headless: there one person starts all ranks, and each would need seconds for it on a software adapter
      if (options.expect === undefined) await passGate(device, this.#room.transport);
      const membership = await this.#room.join(options, device.report.adapter);
      const { init, limitBytes, sampling } = options;
      const limit = limitBytes === undefined ? {} : { limitBytes };
      this.#trainer = startTrainer({
        membership,
        transport: this.#room.transport,
        trace,
        makeRank: this.#device.rankMaker({ ...limit, unitMs: () => this.#unitMs }),
        loadSource: (source) => loadSource(options.sources, source),
        sampling,
        adaptersOf: (peers) => this.#room.adaptersOf(peers),
        onStatus: (status) => this.#publish(status),
        listening: () => this.#isListening,
        ...(init ? { init } : {}),
        ...(options.probing ? { probing: true } : {}),
        ...(options.balancing ? { balancing: this.#balancingBy(membership, options.expect) } : {}),
        // why not headless: there the death of a rank ends the run, and every byte is counted
        ...(options.expect === undefined ? this.#survivalDeps() : {}),
        // why only now: no page has a desk
        ...(options.desk ? (await import('./kept/deskkeeper')).deskDeps(options.desk) : {}),
        ...(options.keep ? this.#keepDeps(options.keep) : {}),
        ...(options.tour ? { tour: { ...options.tour, ask: (plan) => membership.ask({ plan }) } } : {}),
      });
      const result = await this.#trainer.finished;
      const links = this.#room.transport.stats();
      return {
        ...result,
        memory: this.#memory,
        bytesSent: links.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
        bytesReceived: links.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0),
        adapter: device.report.adapter,
        software: device.report.software,
        plan: this.#status.plan,
        ...this.traced(),
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
    this.#room.membership?.ask({ paused });
  }

  switchPlan(plan: ParallelPlan): void {
    this.#room.membership?.ask({ plan });
  }

  allow(approximate: boolean): void {
    this.#trainer?.allow(approximate);
  }

  traced(): Traced {
    return { trace: this.#keptTrace?.events ?? [], timeOriginMs: performance.timeOrigin };
  }

  handicap({ unitMs, ...shape }: Handicap): void {
    this.#unitMs = unitMs;
    this.#room.transport.shape(shape);
  }

  async prove(): Promise<Proof> {
    if (!this.#trainer) throw new ProtocolError('nothing is trained in this tab');
    return this.#trainer.prove();
  }

  async files(): Promise<ModelFiles> {
    if (!this.#trainer) throw new ProtocolError('nothing has been trained in this tab yet');
    return this.#trainer.files();
  }

  async ask(wish: Wish, onSaid: (said: Said) => void): Promise<void> {
    if (!this.#trainer) throw new ProtocolError('nothing has been trained in this tab yet');
    await this.#trainer.ask(wish, onSaid);
  }

  listen(isOn: boolean): void {
    this.#isListening = isOn;
  }

  hush(): void {
    this.#trainer?.hush();
  }

  lacking(text: string): readonly string[] {
    return this.#trainer?.lacking(text) ?? [];
  }

  /** Send the trace of each `every`-th step to the page, 0 for none. */
  watch(every: number): void {
    this.#every = every;
    this.#packed?.watch(every);
  }

  close(): void {
    this.#trainer?.stop();
    this.#room.transport.close();
    this.#device.close();
  }

  #survivalDeps(): Pick<TrainerDeps, 'mirrorEveryMs' | 'machine' | 'reopen'> {
    return {
      mirrorEveryMs: MIRROR_EVERY_MS,
      machine: () => this.#room.machineOf(this.self),
      reopen: (isWrong) => this.#reopen(isWrong),
    };
  }

  #keepDeps({ room, goOn }: NonNullable<StartOptions['keep']>): Pick<TrainerDeps, 'keeper' | 'kept' | 'goesOn'> {
    this.#kept = undefined;
    const keeper = new OpfsKeeper(room, (kept) => {
      this.#kept = kept;
      this.#publish({ ...this.#status, newMetrics: [] });
    });
    this.#keeper = keeper;
    return { keeper, kept: (run, sinceMs) => loadKept({ room, run, sinceMs }, () => keeper.ownSlot()), goesOn: goOn };
  }

  /** Headless, the command line has said how many ranks train, and makes ranks of one machine slow on purpose. */
  #balancingBy(membership: { ask(change: Change): void }, expect: number | undefined): TrainerDeps['balancing'] & {} {
    const ask = (plan: ParallelPlan) => membership.ask({ plan });
    if (expect !== undefined) return { ask };
    return {
      ask,
      reserve: (peer) => membership.ask({ reserve: [peer] }),
      machineOf: (peer) => this.#room.machineOf(peer),
      mayAsk: () => !this.#room.hasSignalPage,
      isPaced: () => this.#unitMs > 0,
    };
  }

  #leave(): void {
    this.#room.leave();
    this.#device.close();
  }

  async #reopen(isWrong: boolean): Promise<void> {
    const device = await this.#device.reopen();
    if (isWrong) await passGate(device, this.#room.transport);
    this.#room.comeBack(device.report.adapter);
  }

  #publish(status: TabStatus): void {
    this.#memory = status.memory ?? this.#memory;
    this.#sendTrace();
    const membership = status.phase === 'waiting' ? this.#room.membership : undefined;
    const sentence = membership?.describe() || status.sentence;
    // why not of an empty generation: it leaves nobody out; all peers wait for tabs or another plan
    const members = membership?.newest.peers ?? [];
    const isLeftOut = members.length > 0 && !members.includes(membership!.self);
    const kept = this.#kept ? { kept: this.#kept } : {};
    this.#status = { ...status, sentence, ...(isLeftOut && NO_MEMBER), ...kept };
    this.port.status(this.#status);
  }

  #sendTrace(): void {
    for (const pack of this.#packed?.flush() ?? []) this.port.trace(pack, this.#packed!.lost);
  }

  /** While the trainer waits for a generation, the reason for waiting may change: publish the new one. */
  #showWaiting(): void {
    const sentence = this.#room.membership?.describe() ?? '';
    if (this.#status.phase !== 'waiting' || sentence === '' || sentence === this.#status.sentence) return;
    this.#publish({ ...this.#status, newMetrics: [] });
  }
}
