/** Watched tabs and one watching page in one process: publishers and a live feed over links of the test's own. */

import type { WatchLink } from '../../src/net/room/watch';
import type { Presence } from '../../src/net/signaling/signaling';
import { LiveFeed } from '../../src/pages/lecture/feeds/livefeed';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import { Trace, type TraceEvent } from '../../src/trace/trace';
import type { StepMetrics, TabStatus } from '../../src/train/trainer/given/status';
import { PackedTrace } from '../../src/worker/watch/packedtrace';
import { Publisher } from '../../src/worker/watch/publisher';
import { NO_HANDICAP } from '../../src/worker/watch/telemetry';

type Message = string | Uint8Array;

/** Both ends of a link; messages arrive in order when `deliver` is called. */
export class LinkPair {
  readonly ends: readonly [WatchLink, WatchLink];
  /** All messages that were sent to the first end. */
  readonly toFirst: Message[] = [];
  backlogBytes = 0;
  readonly #queue: Array<() => void> = [];
  readonly #closes: Array<(reason: string) => void> = [];

  constructor(first: string, second: string) {
    const listeners: [Array<(message: Message) => void>, Array<(message: Message) => void>] = [[], []];
    const end = (mine: 0 | 1, peer: string): WatchLink => ({
      peer,
      kind: 'direct',
      send: (message) => {
        if (mine === 1) this.toFirst.push(message);
        this.#queue.push(() => {
          for (const listener of listeners[1 - mine]!) listener(message);
        });
      },
      onMessage: (listener) => void listeners[mine].push(listener),
      bufferedBytes: () => this.backlogBytes,
      onClose: (listener) => void this.#closes.push(listener),
    });
    this.ends = [end(0, second), end(1, first)];
  }

  deliver(): boolean {
    const next = this.#queue.shift();
    next?.();
    return next !== undefined;
  }

  close(): void {
    this.#queue.length = 0;
    for (const close of this.#closes) close('closed');
  }
}

/** One watched tab: what its Worker and its page do for watchers, driven by hand. */
export class WatchedTab {
  readonly trace = new Trace();
  readonly packed = new PackedTrace(this.trace);
  every = 0;
  status: TabStatus;
  readonly publisher: Publisher;
  #metrics: StepMetrics[] = [];

  constructor(
    readonly room: WatchRoom,
    readonly peer: string,
    rank: number,
  ) {
    this.status = {
      phase: 'training',
      sentence: '',
      generation: 1,
      rank,
      members: room.peers,
      run: null,
      plan: room.plan,
      step: 0,
      steps: 100,
      traced: 0,
      newMetrics: [],
      tokensPerSecond: { mine: 10 + rank, room: 40 },
      memory: { param: 1, grad: 2, moment: 3, saved: 4, scratch: 5, staging: 6 },
      links: [],
      sample: null,
      vocab: 65,
      weights: null,
    };
    this.publisher = new Publisher({
      watch: (every) => {
        this.every = every;
        this.packed.watch(every);
      },
      now: () => room.nowMs + room.skewMs,
      adapter: () => `adapter ${rank}`,
      handicap: () => NO_HANDICAP,
    });
  }

  /** Emit the events of a step: `lines` of them, and NORM. */
  run(step: number, lines = 3): void {
    const t0 = this.room.nowMs;
    const { rank, generation } = this.status;
    const emit = (event: TraceEvent) => this.trace.emit(event, generation);
    for (let unit = 0; unit < lines; unit++) {
      emit({ step, rank, lane: 'gpu', name: 'F', t0: t0 + unit, t1: t0 + unit + 0.5, unit, mb: 0 });
    }
    const line = 'REDUCE block0';
    emit({
      step,
      rank,
      lane: 'net',
      name: 'ring.send',
      t0,
      t1: t0 + 1,
      bytes: 64,
      chunk: 1,
      peer: 'p',
      line,
    });
    emit({ step, rank, lane: 'host', name: 'NORM', t0: t0 + lines, t1: t0 + lines + 1, value: 0.5 });
    const metrics = { step, loss: 4 - step / 100, gradNorm: 1, lr: 0.1, tokens: 64, ms: 20, bytesSent: [1, 2] };
    this.#metrics.push(metrics);
    this.status = { ...this.status, step: step + 1 };
  }

  /** Publishes as the reporter does at most ten times a second. */
  tell(change: Partial<TabStatus> = {}): void {
    this.status = { ...this.status, ...change, newMetrics: this.#metrics };
    this.#metrics = [];
    const packs = this.packed.flush();
    for (const pack of packs) this.publisher.trace(pack, this.packed.lost);
    this.publisher.status(this.status);
  }
}

export class WatchRoom {
  readonly plan: ParallelPlan;
  readonly tabs: readonly WatchedTab[];
  readonly links: LinkPair[];
  readonly feed: LiveFeed;
  /** The watching page's clock, and how far the tabs' clocks are ahead of it. */
  nowMs = 1000;
  skewMs = 0;
  readonly #due: Array<() => void> = [];

  constructor(readonly peers: readonly string[]) {
    this.plan = parsePlan({ dp: peers.length });
    this.tabs = peers.map((peer, rank) => new WatchedTab(this, peer, rank));
    this.feed = new LiveFeed({
      now: () => this.nowMs,
      after: (_, then) => void this.#due.push(then),
      count: (work) => work(),
    });
    this.feed.setRoster(new Map(peers.map((peer) => [peer, presenceOf(peer)])));
    this.links = peers.map((peer) => new LinkPair('lecture', peer));
  }

  /** Connect everybody. */
  connect(): void {
    for (const [i, tab] of this.tabs.entries()) {
      tab.publisher.add(this.links[i]!.ends[1]);
      this.feed.addLink(this.links[i]!.ends[0]);
    }
    this.settle();
  }

  /** Delivers everything that is on its way, one millisecond each, and lets the feed show it. */
  settle(): void {
    while (this.links.some((link) => link.deliver())) this.nowMs += 1;
    for (const then of this.#due.splice(0)) then();
  }
}

function presenceOf(peer: string): Presence {
  return { peer, name: `Tab ${peer}`, adapter: '', state: 'willing', hidden: false, build: 'b', run: '' };
}
