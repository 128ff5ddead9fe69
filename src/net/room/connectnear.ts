/**
 * Connects two pages of one browser by MessagePorts instead of WebRTC. The end that offers leaves ports with the broker
 * and sends the token in a sealed message; the other end takes them and confirms. The connection ends itself when that
 * takes too long, e.g. in different storage partitions. The next attempt uses WebRTC.
 */
import { ConnectError, sentenceOf } from '../../errors';
import { Listeners } from '../../listeners';
import { newSecret } from '../signaling/roomkey';
import type { Broker } from './broker';
import type { Connection } from './connection';

/** Two busy tabs have needed more than two seconds. Peers of one machine share its storage, so that they do not meet is rare. */
const CONNECT_MS = 6000;

/** The ports of a link, for the Worker of this page. */
export interface NearPorts {
  readonly bulk: MessagePort;
  readonly control: MessagePort;
  /** Whether both ends are frames of one page, so that buffers move between them without a copy. */
  readonly isOneProcess: boolean;
}

interface NearOptions {
  readonly initiator: boolean;
  /** Called with the data to pass to `signal` of the other end. Plain JSON. */
  readonly onSignal: (data: unknown) => void;
  readonly broker: Broker;
  /** Identifies the page: the same for all its frames, different for every other page. */
  readonly page: string;
  /** Called once with the ports, which the listener then owns. */
  readonly onPorts: (ports: NearPorts) => void;
  /** Called when the connection failed, e.g. because the two ends did not meet at the broker. */
  readonly onFailed: () => void;
  readonly timeoutMs?: number;
}

/** `offer` comes first and carries the token; `taken` confirms it. `page` is that of the sender. */
interface NearSignal {
  readonly near: 'offer' | 'taken';
  readonly token: string;
  readonly page: string;
}

/** The signal of a near connection in `data`; undefined for a WebRTC signal and for anything else. */
export function nearSignal(data: unknown): NearSignal | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { near, token, page } = data as Record<string, unknown>;
  if ((near !== 'offer' && near !== 'taken') || typeof token !== 'string' || typeof page !== 'string') return undefined;
  return { near, token, page };
}

export function connectNear(options: NearOptions): Connection {
  return new NearConnection(options);
}

class NearConnection implements Connection {
  readonly connected: Promise<void>;
  readonly #token = newSecret();
  readonly #listeners = new Listeners<[reason: string]>();
  readonly #taking = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  /** The port ends that this page keeps; undefined where the other end offers, and once they are passed on. */
  #own: readonly [MessagePort, MessagePort] | undefined;
  #closed: string | undefined;
  #stand: () => void = () => {};
  #fail: (error: ConnectError) => void = () => {};

  constructor(private readonly options: NearOptions) {
    const timeoutMs = options.timeoutMs ?? CONNECT_MS;
    this.#timer = setTimeout(() => this.#failed(`not connected within ${timeoutMs / 1000} s`), timeoutMs);
    this.connected = new Promise<void>((resolve, reject) => {
      this.#stand = resolve;
      this.#fail = reject;
    });
    // why: a caller that only uses the ports need not await it
    this.connected.catch(() => {});
    if (options.initiator) this.#offer();
  }

  signal(data: unknown): void {
    if (this.#closed !== undefined) return;
    const said = nearSignal(data);
    if (said?.near === 'offer' && !this.options.initiator) void this.#take(said);
    else if (said?.near === 'taken' && this.#own && said.token === this.#token) this.#give(this.#own, said.page);
    else this.#failed('it sent signaling that cannot be used');
  }

  onClose(listener: (reason: string) => void): void {
    if (this.#closed === undefined) this.#listeners.add(listener);
    else listener(this.#closed);
  }

  close(): void {
    this.#end('this peer closed it');
  }

  #offer(): void {
    const [bulk, control] = [new MessageChannel(), new MessageChannel()];
    this.#own = [bulk.port1, control.port1];
    try {
      this.options.broker.leave(this.#token, [bulk.port2, control.port2]);
      this.#say('offer', this.#token);
    } catch (error) {
      // A browser may forbid shared Workers to this page. why later: the linker has not stored this connection yet
      queueMicrotask(() => this.#failed(sentenceOf(error)));
    }
  }

  async #take({ token, page }: NearSignal): Promise<void> {
    try {
      const [bulk, control] = await this.options.broker.take(token, this.#taking.signal);
      if (this.#closed !== undefined || !bulk || !control) return;
      this.#say('taken', token);
      this.#give([bulk, control], page);
    } catch (error) {
      this.#failed(sentenceOf(error));
    }
  }

  #say(near: NearSignal['near'], token: string): void {
    this.options.onSignal({ near, token, page: this.options.page } satisfies NearSignal);
  }

  #give([bulk, control]: readonly [MessagePort, MessagePort], page: string): void {
    clearTimeout(this.#timer);
    this.#own = undefined;
    this.options.onPorts({ bulk, control, isOneProcess: page === this.options.page });
    this.#stand();
  }

  #failed(reason: string): void {
    this.options.onFailed();
    this.#end(reason);
  }

  /** End the connection. Ports already passed to the Workers are closed there, after the page reports the end. */
  #end(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    clearTimeout(this.#timer);
    this.#taking.abort();
    for (const port of this.#own ?? []) port.close();
    this.#fail(new ConnectError(`no connection to the peer: ${reason}`));
    this.#listeners.tell(reason);
  }
}
