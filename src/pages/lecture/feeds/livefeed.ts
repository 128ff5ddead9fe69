/**
 * The feed of tabs that train now: collects their messages from the watching connections by generation and step. Its
 * memory is bounded. It asks for the traces of fewer steps where steps are fast.
 */
import { batch, signal } from '@preact/signals';
import type { WatchLink } from '../../../net/room/watch';
import type { ParallelPlan } from '../../../plan/plan';
import type { TraceEvent } from '../../../trace/trace';
import { NO_HANDICAP, type WatchedStatus } from '../../../worker/watch/telemetry';
import type { PeerId, Phase, Presence, RunFile, StepMetrics } from '../../tab';
import type { Feed, Proof, RankView } from '../facts/feed';
import { StepTraces } from './steptraces';
import { Pace } from './tracerate';
import { Watched, type WatchedOptions } from './watched';

/** Least time between two updates of the signals, independent of the number of messages. */
const SHOW_EVERY_MS = 500;
/** The same before the first complete step of a generation. */
const SHOW_EARLY_MS = 100;
const RESTING: ReadonlySet<Phase> = new Set(['waiting', 'paused', 'done', 'stopped', 'failed']);

export interface LiveFeedOptions extends WatchedOptions {
  readonly after: (delayMs: number, then: () => void) => void;
}

export class LiveFeed implements Feed {
  readonly kind = 'live';
  readonly phase = signal<Phase>('idle');
  readonly run = signal<RunFile | null>(null);
  readonly plan = signal<ParallelPlan | null>(null);
  readonly generation = signal(0);
  readonly ranks = signal<readonly RankView[]>([]);
  readonly metrics = signal<readonly StepMetrics[]>([]);
  readonly newestStep = signal(-1);
  readonly proof = signal<Proof | null>(null);
  /** Peers with an open watching connection. */
  readonly linked = signal<ReadonlyMap<PeerId, WatchLink['kind']>>(new Map());
  #roster: ReadonlyMap<PeerId, Presence> = new Map();
  readonly #watched = new Map<PeerId, Watched>();
  /** The sentence of a tab that has failed, '' while none has. */
  readonly failure = signal('');
  /** The first sentence that a training tab reports about something unusual, '' where there is none. */
  readonly note = signal('');
  readonly #traces = new StepTraces();
  readonly #pace = new Pace();
  readonly #steps = new Map<number, StepMetrics>();
  #stepsChanged = false;
  #showing = false;
  /** The newest generation that a tab has told of. */
  #newest = -1;

  constructor(private readonly options: LiveFeedOptions) {}

  traceOf(step: number): readonly TraceEvent[] {
    return this.#traces.of(step);
  }

  early(): readonly TraceEvent[] {
    return this.#traces.earlyOf(this.generation.value);
  }

  setRoster(roster: ReadonlyMap<PeerId, Presence>): void {
    this.#roster = roster;
    this.#show();
  }

  /** Set the run that the room agrees on; a changed run discards everything kept of the one before. */
  setRun(run: RunFile | null): void {
    const before = this.run.value;
    if (JSON.stringify(before) === JSON.stringify(run)) return;
    if (before !== null) this.#forgetRun();
    this.run.value = run;
  }

  addLink(link: WatchLink): void {
    const { peer } = link;
    const watched: Watched = new Watched(link, this.options, this.#pace.every, {
      said: (message) => {
        if (message.t === 'proof') this.proof.value = message.proof;
        else this.#count(message.metrics);
        if (message.t === 'status') this.#progress(peer, message);
      },
      traced: (pack) => {
        this.#traces.add(peer, pack.generation, pack.events);
        if (this.#isEarly) this.#show();
        this.#pace.traced(pack.events.length);
      },
      closed: () => {
        if (this.#watched.get(peer) === watched) this.#watched.delete(peer);
        this.#show();
      },
    });
    this.#watched.set(peer, watched);
    this.#show();
  }

  /** Call about once a second: measures the clock offsets again and limits how many steps are traced. */
  tick(): void {
    for (const watched of this.#watched.values()) watched.ping();
    if (this.#pace.tick(this.options.now())) {
      for (const watched of this.#watched.values()) watched.watch(this.#pace.every);
    }
  }

  #progress(peer: PeerId, status: WatchedStatus): void {
    const { generation, step, traced, phase, lost, members } = status;
    this.#pace.stepped(step);
    if (generation > this.#newest) this.#begin(generation);
    const doing = { training: phase === 'training', resting: RESTING.has(phase) };
    this.#traces.progress({ peer, generation, size: members.length, step, traced, ...doing, lost });
    this.#show();
  }

  /** Ask for the trace of every step again: the first step of the new plan is waited for, and its steps may be slower. */
  #begin(generation: number): void {
    this.#newest = generation;
    this.#pace.restart();
    for (const watched of this.#watched.values()) watched.watch(this.#pace.every);
  }

  #count(metrics: readonly StepMetrics[]): void {
    for (const one of metrics) {
      if (this.#steps.has(one.step)) continue;
      this.#steps.set(one.step, one);
      this.#stepsChanged = true;
    }
    if (metrics.length > 0) this.#show();
  }

  #forgetRun(): void {
    this.#steps.clear();
    this.#stepsChanged = true;
    this.#traces.clear();
    this.newestStep.value = -1;
    this.proof.value = null;
    this.#show();
  }

  get #isEarly(): boolean {
    return this.#traces.newestOf(this.generation.peek()) < 0;
  }

  #show(): void {
    if (this.#showing) return;
    this.#showing = true;
    this.options.after(this.#isEarly ? SHOW_EARLY_MS : SHOW_EVERY_MS, () => {
      this.#showing = false;
      this.options.count(() => batch(() => this.#publish()));
    });
  }

  #publish(): void {
    const statuses = [...this.#watched.values()].flatMap(({ status }) => status ?? []);
    const newest = statuses.reduce<WatchedStatus | null>(
      (best, status) => (status.members.length > 0 && status.generation > (best?.generation ?? 0) ? status : best),
      null,
    );
    this.linked.value = new Map([...this.#watched].map(([peer, { link }]) => [peer, link.kind]));
    this.generation.value = newest?.generation ?? 0;
    this.plan.value = newest?.plan ?? null;
    this.ranks.value = (newest?.members ?? []).map((peer, rank) => this.#view(peer, rank, newest!.generation));
    this.phase.value = this.#phaseOf(newest, statuses);
    this.failure.value = statuses.find(({ phase }) => phase === 'failed')?.sentence ?? '';
    this.note.value = statuses.find(({ phase, sentence }) => phase === 'training' && sentence !== '')?.sentence ?? '';
    // why this generation only: the last step of the previous one completes late and would be counted to the new plan
    const newestStep = this.#traces.newestOf(this.generation.value);
    if (newestStep >= 0) this.newestStep.value = newestStep;
    if (!this.#stepsChanged) return;
    this.#stepsChanged = false;
    this.metrics.value = [...this.#steps.values()].sort((a, b) => a.step - b.step);
  }

  /** The phase of rank 0; before there is a rank 0, the phase of any tab that takes part. */
  #phaseOf(newest: WatchedStatus | null, statuses: readonly WatchedStatus[]): Phase {
    const first = newest && this.#watched.get(newest.members[0]!)?.status;
    return (first ?? newest ?? statuses.find(({ phase }) => phase !== 'idle'))?.phase ?? 'idle';
  }

  #view(peer: PeerId, rank: number, generation: number): RankView {
    const presence = this.#roster.get(peer);
    const watched = this.#watched.get(peer);
    const status = watched?.status ?? null;
    const isCurrent = status?.generation === generation;
    return {
      rank,
      peer,
      name: presence?.name || peer.slice(0, 6),
      adapter: status?.adapter || (presence?.adapter ?? ''),
      hidden: presence?.hidden ?? false,
      ...(presence?.machine && { machine: presence.machine }),
      memory: isCurrent ? watched!.memory : null,
      tokensPerSecond: isCurrent ? status.tokensPerSecond : 0,
      links: isCurrent ? status.links : [],
      weights: status?.weights ?? null,
      handicap: status?.handicap ?? NO_HANDICAP,
    };
  }
}
