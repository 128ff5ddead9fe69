/** A room of trainers in one process: memory links, and an authority that declares what the test says. */
import { PeerLost } from '../../src/errors';
import type { Generation, JoinedGeneration, Membership } from '../../src/net/membership/membership';
import type { ParallelPlan } from '../../src/plan/plan';
import { Trace } from '../../src/trace/trace';
import { parseRunFile } from '../../src/train/runfile';
import { holdingUnder } from '../../src/train/state/sync';
import { prepare } from '../../src/train/trainer/given/prepared';
import type { TrainerDeps } from '../../src/train/trainer/given/setting';
import type { StepMetrics, TabStatus } from '../../src/train/trainer/given/status';
import { startTrainer } from '../../src/train/trainer/trainer';
import type { Trainer } from '../../src/train/trainer/trainercontract';
import { type MemoryOptions, type MemoryTransport, memoryTransports } from './memory';
import { plainRanks } from './plainrank';

interface Waiting {
  readonly after: number;
  readonly resolve: (joined: JoinedGeneration) => void;
}

export interface Tab {
  readonly peer: string;
  readonly trainer: Trainer;
  readonly metrics: StepMetrics[];
  readonly phases: string[];
  /** The sentences that it reported, without repeats in a row. */
  readonly sentences: string[];
  status: TabStatus | null;
}

export class TrainRoom {
  readonly transports: ReadonlyMap<string, MemoryTransport>;
  readonly tabs = new Map<string, Tab>();
  /** What failed tabs said, as `peer: reason`. */
  readonly failures: string[] = [];
  isStateLost = false;
  /** What the room does when a tab has failed. */
  onFailure: (peer: string) => void = () => {};
  /** A tab in reserve has taken a copy of the state. */
  onCopy: (peer: string) => void = () => {};
  readonly #plan: ParallelPlan;
  #newest: Generation;
  readonly #waiting = new Map<string, Waiting>();
  readonly #looks = new Set<() => void>();
  readonly #failed = new Set<string>();
  readonly #joined = new Map<string, { readonly number: number; readonly controller: AbortController }>();

  /** `run` is the content of the room's run file. */
  constructor(
    readonly run: object,
    peers: readonly string[],
    links: MemoryOptions = {},
  ) {
    const transports = memoryTransports(peers.length, { ...links, peers });
    this.transports = new Map(transports.map((transport) => [transport.self, transport]));
    this.#plan = parseRunFile(run).plan;
    this.#newest = { number: 0, peers: [], plan: this.#plan, paused: false, run: JSON.stringify(run) };
  }

  /** Number of the newest generation. */
  get generation(): number {
    return this.#newest.number;
  }

  /** Floats of each unit's flat buffer under the newest generation's plan. */
  async paramFloats(): Promise<readonly number[]> {
    const { run } = await prepare(parseRunFile(this.run), TEXT);
    return [...holdingUnder(run.model, { plan: this.#newest.plan, rank: 0 }).param.lengths.values()];
  }

  /** Whether the tab waits for a generation. */
  waits(peer: string): boolean {
    return this.#waiting.has(peer);
  }

  /** Start a tab; it trains once it is a member. */
  start(peer: string, deps: Partial<TrainerDeps> = {}): Tab {
    const [metrics, phases, sentences]: [StepMetrics[], string[], string[]] = [[], [], []];
    const onStatus = (status: TabStatus) => {
      tab.status = status;
      metrics.push(...status.newMetrics);
      if (phases.at(-1) !== status.phase) phases.push(status.phase);
      if (sentences.at(-1) !== status.sentence) sentences.push(status.sentence);
    };
    const trainer = startTrainer({
      membership: this.#membership(peer),
      transport: this.transports.get(peer)!,
      trace: new Trace(),
      makeRank: plainRanks(),
      loadSource: async () => TEXT,
      sampling: false,
      // why: the constructor reports before the tab exists
      onStatus: (status) => queueMicrotask(() => onStatus(status)),
      ...deps,
    });
    const tab: Tab = { peer, trainer, metrics, phases, sentences, status: null };
    this.tabs.set(peer, tab);
    return tab;
  }

  /** Declare the next generation. */
  declare(
    peers: readonly string[],
    change: {
      readonly paused?: boolean;
      readonly plan?: ParallelPlan;
      readonly steps?: number;
      readonly run?: object;
    } = {},
  ): void {
    const { number } = this.#newest;
    const plan = change.plan ?? { ...this.#plan, dp: peers.length };
    const run = change.run ? JSON.stringify(change.run) : this.#newest.run;
    const steps = change.steps === undefined ? {} : { steps: change.steps };
    this.#newest = { number: number + 1, peers, plan, paused: change.paused ?? false, run, ...steps };
    for (const look of [...this.#looks]) look();
    queueMicrotask(() => this.#settle());
  }

  /**
   * Tabs die without a message, all at once. Their links break, so their members' step cannot finish; the others are
   * declared under `plan`.
   */
  kill(dead: string | readonly string[], plan?: ParallelPlan): void {
    const all = [dead].flat();
    for (const peer of all) this.transports.get(peer)!.kill();
    const members = this.#newest.peers.filter((member) => !all.includes(member));
    for (const member of members) {
      const joined = this.#joined.get(member);
      if (joined?.number === this.#newest.number) joined.controller.abort(new PeerLost(all[0]!, 'it was killed'));
    }
    this.declare(members, plan && { plan });
  }

  #membership(self: string): Membership {
    const room = this;
    return {
      self,
      get declared() {
        return room.#newest.number;
      },
      holdsState: () => {},
      get isStateLost() {
        return room.isStateLost;
      },
      spares: () =>
        [...room.#waiting.keys()].filter((peer) => !room.#newest.peers.includes(peer)).map((peer) => ({ peer })),
      heard: (after, signal) =>
        new Promise((resolve, reject) => {
          const look = () => {
            if (signal.aborted) reject(signal.reason);
            else if (room.#newest.number > after) resolve(room.#newest);
            else return;
            room.#looks.delete(look);
          };
          room.#looks.add(look);
          signal.addEventListener('abort', look);
          look();
        }),
      arrived: async () => {
        room.#failed.delete(self);
        const others = room.#newest.peers.filter((peer) => peer !== self);
        if (others.length === 0) return null;
        return { ...room.#newest, peers: [...others, self], plan: { ...room.#newest.plan, dp: others.length + 1 } };
      },
      holdsCopy: () => room.onCopy(self),
      fail: (reason) => room.#fail(self, reason),
      next: (after, signal) =>
        new Promise((resolve, reject) => {
          room.#failed.delete(self);
          if (signal.aborted) return reject(signal.reason);
          signal.addEventListener('abort', () => {
            room.#waiting.delete(self);
            reject(signal.reason);
          });
          room.#waiting.set(self, { after, resolve });
          room.#settle();
        }),
    };
  }

  /** The tab says that it cannot go on: its generation ends for all, and the room waits for the next declaration. */
  #fail(self: string, reason: string): void {
    // as in the product: a tab that has said so already has nothing more to say
    if (this.#failed.has(self)) return;
    this.#failed.add(self);
    this.failures.push(`${self}: ${reason}`);
    if (!this.#joined.has(self)) return;
    for (const [peer, { number, controller }] of this.#joined) {
      if (number === this.#newest.number) controller.abort(new PeerLost(self, reason));
      if (peer === self) this.#joined.delete(peer);
    }
    this.onFailure(self);
  }

  /** Lets the members of the newest generation start once all of them wait for it. */
  #settle(): void {
    const { peers, number } = this.#newest;
    if (number === 0 || !peers.every((peer) => (this.#waiting.get(peer)?.after ?? number) < number)) return;
    for (const peer of peers) {
      const waiting = this.#waiting.get(peer)!;
      this.#waiting.delete(peer);
      const controller = new AbortController();
      this.#joined.set(peer, { number, controller });
      waiting.resolve({ ...this.#newest, signal: controller.signal });
    }
  }
}

export const TEXT = new TextEncoder().encode(
  Array.from({ length: 400 }, (_, i) => `the ${i} whale of ${(i * 7919) % 101} seas`).join('\n'),
);

/** A small run of `steps` steps, with held-out losses. */
export function smallRun(steps: number): object {
  return {
    model: { layers: 1, heads: 2, dim: 8, hidden: 16, context: 8 },
    data: { source: 'moby-dick' },
    train: { steps, globalBatch: 7, lr: 0.05, evalEvery: 5 },
  };
}
