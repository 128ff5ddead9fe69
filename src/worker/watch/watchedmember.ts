/**
 * What a member of a room shows to the others and obeys: passes status and trace to the pages that watch it, and carries
 * out a lecturer's orders. The same for a tab and for a program.
 */
import { ProtocolError } from '../../errors';
import type { Room } from '../../net/room/room';
import type { TabStatus } from '../../train/trainer/given/status';
import type { Handicap, Proof } from '../api';
import { type Order, parseOrder } from './orders';
import { Publisher } from './publisher';
import { NO_HANDICAP } from './telemetry';

/** The part of an engine that orders concern, here or in a Worker. */
interface OrderedRank {
  watch(every: number): unknown;
  handicap(handicap: Handicap): unknown;
  stop(): unknown;
  prove(): Promise<Proof>;
}

interface WatchedMemberOptions {
  readonly room: Room;
  readonly onStatus: (status: TabStatus) => void;
  /** Called with every order, after it was carried out; the member has to obey `join` itself. */
  readonly onOrder?: ((order: Order) => void) | undefined;
  /** Disappear without a message, as if this member had died. `last`: its last status. */
  readonly vanish: (last: TabStatus | undefined) => void;
}

export class WatchedMember {
  readonly #room: Room;
  readonly #publisher: Publisher;
  #rank: OrderedRank | undefined;
  #every = 0;
  #handicap = NO_HANDICAP;
  #last: TabStatus | undefined;

  constructor(private readonly options: WatchedMemberOptions) {
    const { room } = options;
    this.#room = room;
    this.#publisher = new Publisher({
      watch: (every) => {
        this.#every = every;
        void this.#rank?.watch(every);
      },
      now: () => performance.timeOrigin + performance.now(),
      adapter: () => room.roster.get(room.self)?.adapter ?? '',
      handicap: () => this.#handicap,
    });
    room.onWatchLink((link) => this.#publisher.add(link));
    room.onOrder((from, value) => {
      const order = room.roster.get(from)?.signal ? readOrder(value) : null;
      if (order) this.#obey(order);
    });
  }

  /** The rank that orders concern from now on. */
  setRank(rank: OrderedRank): void {
    this.#rank = rank;
    void rank.watch(this.#every);
    void rank.handicap(this.#handicap);
  }

  /** Of the rank: what it reports. */
  readonly status = (status: TabStatus): void => {
    this.#last = status;
    this.options.onStatus(status);
    this.#publisher.status(status);
  };

  readonly trace = (pack: Uint8Array, lost: number): void => this.#publisher.trace(pack, lost);

  readonly slow = (given: Handicap): void => {
    this.#handicap = given;
    void this.#rank?.handicap(given);
    if (this.#last) this.status({ ...this.#last, newMetrics: [] });
  };

  #obey(order: Order): void {
    if (order.t === 'handicap') this.slow(order.handicap);
    else if (order.t === 'rename') this.#room.announce({ name: order.name });
    else if (order.t === 'leave') void this.#rank?.stop();
    else if (order.t === 'prove') this.#prove();
    else if (order.t === 'drop') this.options.vanish(this.#last);
    this.options.onOrder?.(order);
  }

  #prove(): void {
    this.#rank?.prove().then(
      (proof) => this.#publisher.proof({ ...proof, tensors: [...proof.tensors] }),
      // Training ended before that; its status says so.
      () => {},
    );
  }
}

/** Null for a value that is not an order; it is ignored. */
function readOrder(value: unknown): Order | null {
  try {
    return parseOrder(value);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return null;
  }
}
