/**
 * A live room for a watching page: its feed, the lecturer's commands, and its roster. Loaded after the first frame;
 * holds no DOM.
 */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { PlanError } from '../../../errors';
import type { Host, HostOptions } from '../../../worker/host';
import { openHost } from '../../../worker/host';
import type { Order } from '../../../worker/watch/orders';
import { changesOf } from '../../state/people';
import type { PeerId, Presence } from '../../tab';
import type { Commands } from '../facts/feed';
import { LiveFeed, type LiveFeedOptions } from '../feeds/livefeed';
import { Recorder } from '../feeds/recorder';
import { crowdedOf } from './pacing';

const TICK_MS = 1000;

interface LiveRoomOptions extends Pick<HostOptions, 'secret' | 'signaling' | 'name' | 'signal' | 'onVote'> {
  /** The link for tabs that join. */
  readonly link: string;
  /** Runs the work on an arrived message and counts its time. */
  readonly count?: LiveFeedOptions['count'];
}

/** An open live room. Everything that changes is a signal. */
export interface LiveRoom {
  readonly self: PeerId;
  readonly link: string;
  /** What the server offers for links. */
  ways(): ReturnType<Host['ways']>;
  readonly feed: LiveFeed;
  readonly commands: Commands;
  /** Keeps the data of an exported run. */
  readonly recorder: Recorder;
  readonly roster: ReadonlySignal<ReadonlyMap<PeerId, Presence>>;
  /** Number of tabs that are willing to train, in a generation or not. */
  readonly seats: ReadonlySignal<number>;
  /** The machine of each of these tabs, undefined where unknown. */
  readonly machines: ReadonlySignal<ReadonlyArray<string | undefined>>;
  /** Tabs that share their machine with another tab that is willing to train. */
  readonly crowded: ReadonlySignal<readonly PeerId[]>;
  readonly locked: ReadonlySignal<boolean>;
  readonly paused: ReadonlySignal<boolean>;
  /** A sentence about something that cannot be done or has failed, '' where there is none. */
  readonly problem: Signal<string>;
  /** A sentence that a training tab reports about something unusual, '' where there is none. */
  readonly note: ReadonlySignal<string>;
  /** The newest sentences about tabs that came or left. */
  readonly news: ReadonlySignal<readonly string[]>;
  close(): void;
}

interface NewsWords {
  came(name: string, size: number): string;
  left(name: string, size: number): string;
  failed(name: string, size: number, reason: string): string;
}

export async function openLiveRoom(options: LiveRoomOptions, words: NewsWords): Promise<LiveRoom> {
  const roster = signal<ReadonlyMap<PeerId, Presence>>(new Map());
  const [locked, paused, trouble] = [signal(false), signal(false), signal('')];
  const news = signal<readonly string[]>([]);
  const after = (delayMs: number, then: () => void) => void setTimeout(then, delayMs);
  const { count = (work) => work() } = options;
  const feed = new LiveFeed({ now: () => performance.timeOrigin + performance.now(), after, count });
  const opened = Date.now();
  const host: Host = await openHost({
    ...options,
    onRoster: (now) => {
      const before = roster.value;
      roster.value = new Map(now);
      feed.setRoster(now);
      // why not at once: tabs that were here before this page are no news
      if (Date.now() - opened < TICK_MS) return;
      for (const { kind, name, reason } of changesOf('', before, now)) {
        const tabs = [...now.values()].filter(({ watch }) => !watch).length;
        news.value = [...news.value.slice(-4), words[kind](name, tabs, reason)];
      }
    },
    onWatchLink: (link) => feed.addLink(link),
    onRoom: (newest, run) => {
      feed.setRun(run);
      locked.value = newest.locked ?? false;
      paused.value = newest.paused;
    },
    onTrouble: (sentence) => {
      trouble.value = sentence;
    },
  });
  const machines = computed(() => [...roster.value.values()].filter(isWilling).map(({ machine }) => machine));
  const timer = setInterval(() => feed.tick(), TICK_MS);
  const recorder = new Recorder(feed);
  return {
    recorder,
    self: host.self,
    ways: () => host.ways(),
    link: options.link,
    feed,
    commands: commandsOf(host, () => roster.value, feed),
    roster,
    seats: computed(() => machines.value.length),
    machines,
    crowded: computed(() => {
      const willing = [...roster.value].filter(([, presence]) => isWilling(presence));
      return crowdedOf(new Map(willing.map(([peer, { machine }]) => [peer, machine])));
    }),
    locked,
    paused,
    problem: computed(() => trouble.value || feed.failure.value),
    note: feed.note,
    news,
    close() {
      clearInterval(timer);
      recorder.close();
      host.close();
    },
  };
}

function commandsOf(host: Host, roster: () => ReadonlyMap<PeerId, Presence>, feed: LiveFeed): Commands {
  const orderAll = (order: Order) => {
    for (const { peer, watch } of roster().values()) if (!watch) host.order(peer, order);
  };
  return {
    start(run) {
      void host.start(run);
      // why: a tab that finished an earlier run takes part in the next without another click
      orderAll({ t: 'join' });
    },
    pause: (paused) => host.ask({ paused }),
    step: () => host.ask({ steps: 1 }),
    switchPlan(plan) {
      const [needed, here] = [plan.dp * plan.pp * plan.tp, [...roster().values()].filter(isWilling).length];
      if (needed > here) throw new PlanError(`this plan needs ${needed} tabs and ${here} take part: open more tabs`);
      host.ask({ wanted: plan });
    },
    handicap: (peer, handicap) => host.order(peer, { t: 'handicap', handicap }),
    drop: (peer) => host.order(peer, { t: 'drop' }),
    remove(peer) {
      host.ask({ remove: peer });
      host.order(peer, { t: 'leave' });
    },
    rename: (peer, name) => host.order(peer, { t: 'rename', name }),
    lock: (locked) => host.ask({ locked }),
    question: (question) => host.question(question),
    vote: (to, vote) => host.vote(to, vote),
    prove() {
      const first = feed.ranks.value[0];
      if (!first) return;
      host.order(first.peer, { t: 'prove' });
      // why two: a proof gathers parameters before one step and gradients after the next
      if (feed.phase.value === 'paused') host.ask({ steps: 2 });
    },
  };
}

const isWilling = ({ state }: Presence) => state === 'willing';
