/**
 * The watched page's side of telemetry: forwards what the training Worker reports to every page that asked for it, and
 * answers their clock requests. Sends nothing while nobody watches. A watcher that does not read loses trace events;
 * memory here stays bounded.
 */
import { ProtocolError } from '../../errors';
import type { WatchLink } from '../../net/room/watch';
import type { PeerId } from '../../plan/mesh';
import type { StepMetrics, TabStatus } from '../../train/trainer/given/status';
import type { Handicap, Proof } from '../api';
import { type FromWatched, historyMessages, readFromWatcher, statusMessage, type WatchedStatus } from './telemetry';

/** Number of newest steps kept for watchers that come later. */
const MAX_HISTORY = 10_000;
/** Bytes that may wait for a watcher: above `trace` it gets no trace, above `all` it gets nothing. */
const BACKLOG_BYTES = { trace: 512 * 1024, all: 4 * 1024 * 1024 };
/** A watcher that breaks the protocol more often than this is ignored. */
const MAX_VIOLATIONS = 20;

interface Watcher {
  readonly link: WatchLink;
  every: number;
  /** Highest step whose events it missed. */
  lost: number;
  violations: number;
}

interface PublisherOptions {
  /** The trace of each `every`-th step is wanted, 0 for none. Called at every change. */
  readonly watch: (every: number) => void;
  /** Milliseconds since the epoch, on the clock that stamps the trace. */
  readonly now: () => number;
  readonly adapter: () => string;
  readonly handicap: () => Handicap;
}

export class Publisher {
  readonly #watchers = new Map<PeerId, Watcher>();
  #history: StepMetrics[] = [];
  #status: TabStatus | undefined;
  #proof: Proof | undefined;
  #every = 0;
  #lost = -1;

  constructor(private readonly options: PublisherOptions) {}

  add(link: WatchLink): void {
    const watcher: Watcher = { link, every: -1, lost: -1, violations: 0 };
    link.onMessage((message) => this.#receive(watcher, message));
    link.onClose(() => {
      if (this.#watchers.get(link.peer) === watcher) this.#watchers.delete(link.peer);
      this.#settle();
    });
  }

  status(status: TabStatus): void {
    this.#status = status;
    const first = status.newMetrics[0]?.step ?? Number.POSITIVE_INFINITY;
    // A run that begins again replaces the history from its first step on.
    if (first <= (this.#history.at(-1)?.step ?? -1)) this.#history = this.#history.filter(({ step }) => step < first);
    this.#history.push(...status.newMetrics);
    if (this.#history.length > 2 * MAX_HISTORY) this.#history = this.#history.slice(-MAX_HISTORY);
    if (this.#watchers.size === 0) return;
    for (const watcher of this.#watchers.values()) this.#send(watcher, this.#message(status, watcher));
  }

  /** `lost` is the highest step of which the Worker left events out. */
  trace(pack: Uint8Array, lost: number): void {
    this.#lost = lost;
    for (const watcher of this.#watchers.values()) {
      if (watcher.every === 0) continue;
      if (watcher.link.bufferedBytes() <= BACKLOG_BYTES.trace) watcher.link.send(pack);
      // why one more: the pack also holds events of the step under way
      else watcher.lost = (this.#status?.step ?? 0) + 1;
    }
  }

  proof(proof: Proof): void {
    this.#proof = proof;
    for (const watcher of this.#watchers.values()) this.#send(watcher, { t: 'proof', proof });
  }

  #receive(watcher: Watcher, message: string | Uint8Array): void {
    if (watcher.violations > MAX_VIOLATIONS) return;
    try {
      const said = readFromWatcher(typeof message === 'string' ? message : '');
      if (said.t === 'ping') this.#send(watcher, { t: 'pong', id: said.id, at: this.options.now() });
      else this.#welcome(watcher, said.every);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      watcher.violations += 1;
    }
  }

  #welcome(watcher: Watcher, every: number): void {
    const isNew = this.#watchers.get(watcher.link.peer) !== watcher;
    watcher.every = every;
    this.#watchers.set(watcher.link.peer, watcher);
    this.#settle();
    if (!isNew || !this.#status) return;
    for (const message of historyMessages(this.#history)) this.#send(watcher, message);
    if (this.#proof) this.#send(watcher, { t: 'proof', proof: this.#proof });
    this.#send(watcher, this.#message({ ...this.#status, newMetrics: [] }, watcher));
  }

  #message(status: TabStatus, { lost }: Watcher): WatchedStatus {
    const { adapter, handicap } = this.options;
    return statusMessage(status, adapter(), handicap(), Math.max(lost, this.#lost));
  }

  #send({ link }: Watcher, message: FromWatched): void {
    if (link.bufferedBytes() <= BACKLOG_BYTES.all) link.send(JSON.stringify(message));
  }

  /** Traces as often as the most demanding watcher wants. */
  #settle(): void {
    const wanted = [...this.#watchers.values()].map(({ every }) => every).filter((every) => every > 0);
    const every = wanted.length === 0 ? 0 : Math.min(...wanted);
    if (every === this.#every) return;
    this.#every = every;
    this.options.watch(every);
  }
}
