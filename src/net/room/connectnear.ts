/**
 * Connects two pages of one browser by MessagePorts, in place of a WebRTC connection: the end that offers leaves ports with the
 * broker and tells the other the token in a sealed message; the other takes them and says so. Ends itself when that takes too
 * long, as where the two are in different storage partitions; the linker then tries WebRTC.
 */
import { ConnectError, sentenceOf } from '../../errors';
import { newSecret } from '../signaling/roomkey';
import type { Broker } from './broker';
import type { Connection } from './connection';

const CONNECT_MS = 2000;

/** Ports of a link for the Worker of this page. */
export interface NearPorts {
  readonly bulk: MessagePort;
  readonly control: MessagePort;
  /** Both ends are frames of one page: buffers move between them without a copy. */
  readonly isOneProcess: boolean;
}

export interface NearOptions {
  readonly initiator: boolean;
  /** Called with what the other end's `signal` must be given. Plain JSON. */
  readonly onSignal: (data: unknown) => void;
  readonly broker: Broker;
  /** The same for all frames of one page, unlike for everybody else. */
  readonly page: string;
  /** Called once with the ports, which are then the listener's. */
  readonly onPorts: (ports: NearPorts) => void;
  /** The two ends did not meet at the broker. */
  readonly onFailed: () => void;
  readonly timeoutMs?: number;
}

/** `offer` comes first and tells the token, `taken` answers; both tell the page of the end that speaks. */
interface NearSignal {
  readonly near: 'offer' | 'taken';
  readonly token: string;
  readonly page: string;
}

/** The signal of a near connection in `data`, undefined for one of WebRTC and for anything else. */
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
  readonly #listeners = new Set<(reason: string) => void>();
  readonly #taking = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  /** Ends of the ports that this page keeps; undefined where the other end offers. */
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

  /** The Workers that have the ports close them: the page tells its own that the connection is over. */
  #end(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    clearTimeout(this.#timer);
    this.#taking.abort();
    for (const port of this.#own ?? []) port.close();
    this.#fail(new ConnectError(`no connection to the peer: ${reason}`));
    for (const listener of this.#listeners) listener(reason);
  }
}
