/**
 * One visit: the tab that it drives and everything that the screens show, as signals. Nothing runs on the GPU before
 * `train`. Holds no DOM; errors become a sentence in a signal.
 */

import { batch, computed, signal } from '@preact/signals';
import { sentenceOf } from '../../errors';
import { messages } from '../messages';
import {
  type DeviceReport,
  IDLE,
  type KeptRun,
  type ModelFiles,
  type OpenTab,
  type PeerId,
  type Presence,
  type RunFile,
  type StepMetrics,
  type Tab,
  type TabOptions,
  type TabStatus,
  type TrainOptions,
  type Vote,
} from '../tab';
import { csvOf } from './csv';
import { LinkMeter, type LinkRate } from './linkmeter';
import { newerVersion } from './newerversion';
import { StepPace } from './pace';
import { changesOf, hasRun, questionIn } from './people';
import { LossSeries } from './series';

interface SessionOptions {
  readonly openTab: OpenTab;
  readonly secret: string;
  readonly signaling: string | null;
  readonly name: string;
}

/** Maximum time that a page is delayed when it is left, ms. */
const MAX_LAST_MS = 1_500;

const ENDED: ReadonlySet<TabStatus['phase']> = new Set(['done', 'stopped', 'failed']);

export class Session {
  readonly self = signal<PeerId>('');
  readonly name = signal('');
  /** What an earlier visit to this room kept in this browser. */
  readonly kept = signal<KeptRun | null>(null);
  readonly device = signal<DeviceReport | null>(null);
  readonly status = signal<TabStatus>(IDLE);
  readonly roster = signal<ReadonlyMap<PeerId, Presence>>(new Map());
  /** What a lecturer's page asks the room, null where none does. */
  readonly question = computed(() => questionIn(this.roster.value));
  /** The button was pressed and the run was not left. */
  readonly takingPart = signal(false);
  readonly newest = signal<StepMetrics | null>(null);
  readonly heldOut = signal<StepMetrics | null>(null);
  /** Mean milliseconds of the last steps; 0 until there is one. */
  readonly msPerStep = signal(0);
  readonly linkRates = signal<ReadonlyMap<PeerId, LinkRate>>(new Map());
  readonly series = new LossSeries();
  /** Every step that the Worker has reported to this tab. */
  #steps: StepMetrics[] = [];
  /** Grows with every change of `series`. */
  readonly seriesVersion = signal(0);
  /** A sentence while the signaling server has trouble, '' while it works. */
  readonly trouble = signal('');
  /** A sentence when something that a person asked for did not work, else ''. */
  readonly problem = signal('');
  /** A sentence once the server has a newer version of this page than this tab, else ''. */
  readonly newer = signal('');
  /** The newest things that happened, for people and for screen readers. */
  readonly news = signal<readonly string[]>([]);
  readonly #meter = new LinkMeter();
  readonly #pace = new StepPace();
  #tab: Tab | undefined;

  constructor(readonly options: SessionOptions) {
    this.name.value = options.name;
  }

  /** Enter the room and ask for an adapter. Never rejects: the outcome is in `device`. */
  async open(): Promise<void> {
    if (!globalThis.isSecureContext) {
      this.device.value = refusal('E-INSECURE', messages.device.insecure);
      return;
    }
    if (typeof RTCPeerConnection === 'undefined') {
      this.device.value = refusal('E-NO-WEBRTC', messages.device.noWebRtc);
      return;
    }
    try {
      const { openTab, secret, signaling } = this.options;
      this.#tab = await openTab({
        secret,
        signaling,
        name: this.name.value,
        onStatus: (status) => this.#onStatus(status),
        onRoster: (roster) => this.#onRoster(roster),
        onOrder: (order) => this.#onOrder(order),
        onTrouble: (sentence) => {
          this.trouble.value = sentence;
        },
      });
      this.self.value = this.#tab.self;
      // why all: a person who presses the button before the room has answered would propose a run of their own
      const [report, kept] = await Promise.all([this.#tab.probe(), this.#tab.kept(), this.#tab.met]);
      batch(() => {
        this.device.value = report;
        this.kept.value = kept;
      });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'E-START';
      this.device.value = refusal(code, sentenceOf(error));
    }
  }

  /** Resumes what an earlier visit kept, or the room's run if there is one and it is newer. */
  goOn({ run, text }: KeptRun): void {
    this.train(run, { goOn: true, ...(text ? { text } : {}) });
  }

  /** Takes part: in the room's run if there is one, else proposes `run` (with the person's own `text`). */
  train(run: RunFile, options: TrainOptions = {}): void {
    const joins = hasRun(this.self.value, this.roster.value);
    batch(() => {
      this.takingPart.value = true;
      this.status.value = { ...IDLE, phase: 'opening' };
      this.#begin();
    });
    // why goOn for a tab that joins: parts of the room's state may be in this browser only
    if (joins) this.#opened.train(null, { goOn: true });
    else this.#opened.train(run, options);
  }

  /** The page may close soon: keeps what was trained. Returns true if no other peer would go on with it. */
  beforeLeaving(): boolean {
    const { phase, members } = this.status.value;
    if (phase !== 'training') return false;
    this.#opened.keep();
    return members.length < 2;
  }

  /**
   * Delays the page until the step under way is kept: a browser ends the Worker together with the page, even in the
   * middle of a step. The page cannot await it, since a page that is being left gets no more messages.
   */
  lastStep(): void {
    const until = performance.now() + Math.min(MAX_LAST_MS, 3 * this.msPerStep.value + 200);
    while (performance.now() < until);
  }

  pause(paused: boolean): void {
    this.#opened.pause(paused);
  }

  stop(): void {
    this.#opened.stop();
  }

  /** Where this tab leads: whether the room may take approximate plans. */
  allow(approximate: boolean): void {
    this.#opened.allow(approximate);
  }

  /** Back to the first screen; the room stays open. */
  leave(): void {
    this.takingPart.value = false;
  }

  /** Somebody in the room brought exactly this run. */
  async hasRunOf(run: RunFile): Promise<boolean> {
    const hash = await this.#tab?.hashOf(run);
    return [...this.roster.value.values()].some((presence) => presence.run === hash);
  }

  rename(name: string): void {
    this.name.value = name;
    this.#tab?.rename(name);
  }

  readonly vote = (to: PeerId, vote: Vote): void => this.#tab?.vote(to, vote);

  /** The model as files, or null with the reason in `problem`. */
  async download(): Promise<ModelFiles | null> {
    try {
      return await this.files();
    } catch (error) {
      this.problem.value = sentenceOf(error);
      return null;
    }
  }

  /** The model as files. Rejects with a sentence. */
  files(): Promise<ModelFiles> {
    return this.#opened.download();
  }

  /** The model as the ranks answer for it while they train. */
  get talk(): Tab['talk'] {
    return this.#opened.talk;
  }

  /** The figures of the run as CSV. */
  csv(): string {
    return csvOf(this.#steps);
  }

  say(sentence: string): void {
    this.news.value = [...this.news.value.slice(-4), sentence];
  }

  get #opened(): Tab {
    if (!this.#tab) throw new Error('the room is not open yet');
    return this.#tab;
  }

  #onStatus(status: TabStatus): void {
    batch(() => {
      const before = this.status.value;
      this.status.value = status;
      for (const metrics of status.newMetrics) this.#onStep(metrics);
      if (status.newMetrics.length > 0) this.seriesVersion.value++;
      if (status.phase === 'training') this.msPerStep.value = this.#pace.read(status.step, performance.now());
      else this.#pace.clear();
      this.linkRates.value = this.#meter.read(status.links, status.step);
      if (status.phase !== before.phase) this.say(messages.phase[status.phase]);
      // why as news: while a tab trains its page shows no sentence, and this one says what was lost
      if (status.phase === 'training' && status.sentence !== '' && status.sentence !== before.sentence) {
        this.say(status.sentence);
      }
    });
  }

  #begin(): void {
    this.newest.value = null;
    this.heldOut.value = null;
    this.#steps = [];
    this.series.clear();
    this.seriesVersion.value++;
  }

  /** Follows a lecturer's order to this tab; a person who has not pressed the button yet is not made to take part. */
  #onOrder(order: Parameters<NonNullable<TabOptions['onOrder']>>[0]): void {
    if (order.t === 'rename') this.name.value = order.name;
    if (order.t === 'leave') this.problem.value = messages.removed;
    if (order.t !== 'join' || !this.takingPart.value || !ENDED.has(this.status.value.phase)) return;
    batch(() => this.#begin());
    this.#opened.train(null);
  }

  #onStep(metrics: StepMetrics): void {
    // A lecturer has started another run.
    if (metrics.step <= (this.newest.value?.step ?? -1)) this.#begin();
    this.series.push(metrics);
    this.#steps.push(metrics);
    this.newest.value = metrics;
    if (metrics.heldOutLoss !== undefined) this.heldOut.value = metrics;
  }

  /** A peer of another build has come: asks the server which of the two is the newer one. */
  #compareBuilds(before: ReadonlyMap<PeerId, Presence>, roster: ReadonlyMap<PeerId, Presence>): void {
    const own = roster.get(this.self.value)?.build;
    const others = [...roster.values()].filter(({ peer, build }) => build !== own && !before.has(peer));
    if (own === undefined || others.length === 0 || this.newer.value !== '') return;
    void newerVersion().then((sentence) => {
      this.newer.value = sentence;
    });
  }

  #onRoster(roster: ReadonlyMap<PeerId, Presence>): void {
    const before = this.roster.value;
    this.roster.value = roster;
    const self = this.self.value;
    if (self === '') return; // everybody who was here before this tab is no news
    this.#compareBuilds(before, roster);
    for (const { kind, name, reason } of changesOf(self, before, roster)) {
      this.say(messages.news[kind](name, roster.size, reason));
    }
  }
}

const refusal = (code: string, sentence: string): DeviceReport => ({
  ok: false,
  code,
  sentence,
  adapter: '',
  software: false,
  maxBufferBytes: 0,
});
