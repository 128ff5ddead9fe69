/**
 * The lecture as its person drives it: the feed on screen, the scene, what is picked in it, and what is asked of the room.
 * Holds no DOM; what goes wrong becomes a sentence.
 */
import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { PlanError, sentenceOf } from '../../errors';
import { MOST_MEMBERS } from '../../net/membership/election';
import { newSecret } from '../../net/signaling/roomkey';
import type { ParallelPlan } from '../../plan/plan';
import { writeFragment } from '../state/fragment';
import type { RunChoice } from '../state/runchoice';
import { runFileOf } from '../state/runchoice';
import type { PeerId, RunFile } from '../tab';
import { type Address, writeAddress } from './address';
import { Adviser } from './adviser';
import type { Commands, Feed, Handicap } from './feed';
import { Frames } from './frames';
import { partedReplicas } from './models/agreement';
import { cutOf, type Digest, digestOf, keyOf } from './models/digest';
import { type Picks, planFor, SCENES, type Scene, sceneOf } from './models/plans';
import { type Moment, Moments } from './moment';
import type { RecordedFeed } from './recordedfeed';
import type { Recorder } from './recorder';
import { SimulatedFeed } from './simulated';
import { words } from './words';

export type Panel = '' | 'knobs' | 'help' | 'qr';

/** What the lecture needs of a live room (liveroom.ts). */
export interface Live {
  readonly feed: Feed;
  readonly commands: Commands;
  readonly recorder: Recorder;
  /** Tabs that are here to train, in a generation or not. */
  readonly seats: ReadonlySignal<number>;
  /** The machine of each of them, where it is known. */
  readonly machines: ReadonlySignal<ReadonlyArray<string | undefined>>;
  readonly problem: ReadonlySignal<string>;
  readonly note: ReadonlySignal<string>;
  readonly news: ReadonlySignal<readonly string[]>;
}

export class Show {
  readonly frames = new Frames();
  readonly scene;
  readonly picks;
  readonly choice;
  readonly hidden;
  /** Others steer the room: this page shows it and follows the plan from scene to scene. */
  readonly watches: boolean;
  /** What steers the room is on screen. */
  readonly steers: ReadonlySignal<boolean>;
  /** Simulated tabs, while nobody trains. */
  readonly tabs;
  readonly panel = signal<Panel>('');
  readonly problem = signal('');
  readonly live = signal<Live | null>(null);
  /** Tabs that were asked for; training starts when they are all here. 0: none. */
  readonly expected = signal(0);
  readonly recorded = signal<RecordedFeed | null>(null);
  readonly simulated: SimulatedFeed;
  /** What is on screen: the live room once somebody trains in it, else a loaded recording, else the simulator. */
  readonly feed: ReadonlySignal<Feed>;
  readonly moment: ReadonlySignal<Moment>;
  /** Where the numbers of this plan part from one tab's or replicas from each other, as a sentence; '' where they do not. */
  readonly parted: ReadonlySignal<string>;
  /** What was measured under each plan, by keyOf. */
  readonly digests = signal<ReadonlyMap<string, Digest>>(new Map());
  /** About this room (scene 7). */
  readonly adviser = new Adviser();
  readonly #moments = signal<Moments | null>(null);
  /** Asked of the live room last: it may run yet after what runs now. */
  #asked: ParallelPlan | null = null;
  readonly #digest = (): void => this.#digestOf(this.moment.peek());
  readonly secret: string;

  constructor(address: Address) {
    this.secret = address.secret ?? newSecret();
    this.scene = signal<Scene>(address.scene);
    this.picks = signal<Picks>(address.picks);
    this.choice = signal<RunChoice>(address.choice);
    this.hidden = signal(address.hidden);
    this.watches = address.watches;
    this.steers = computed(() => !this.hidden.value && !this.watches);
    this.tabs = signal(address.tabs);
    this.problem.value = address.refused.join(' ');
    this.simulated = new SimulatedFeed(this.#run());
    this.feed = computed(() => {
      const live = this.live.value?.feed;
      return live && live.ranks.value.length > 0 ? live : (this.recorded.value ?? this.simulated);
    });
    this.moment = computed(() => this.#moments.value!.now.value);
    this.parted = computed(() => partingOf(this.moment.value));
    effect(() => {
      const moments = new Moments(this.feed.value, this.frames);
      this.#moments.value = moments;
      return () => moments.close();
    });
    effect(() => {
      void this.moment.value;
      this.frames.request(this.#digest);
    });
    effect(() => this.#startWhenHere(this.live.value?.seats.value ?? 0));
    // why: a run starts as the room can start it; the scene's own cut (one tab of four, say) follows
    effect(() => {
      const feed = this.feed.value;
      // why the run, too: tabs may be heard before the room has said what they train
      if (feed.kind === 'live' && feed.run.value !== null) setTimeout(() => this.recut());
    });
    // why: whoever trains on would train on numbers that are known to be wrong
    effect(() => {
      const isMine = this.feed.peek().kind === 'live' && !this.watches;
      if (this.parted.value !== '' && isMine) this.live.peek()!.commands.pause(true);
    });
    // why computed: a live feed makes its plan anew with every word it hears, and who watches may look at other scenes
    const followed = computed(() => {
      const plan = this.feed.value.kind === 'live' && this.watches ? this.feed.value.plan.value : null;
      return plan && sceneOf(plan);
    });
    effect(() => {
      if (followed.value) this.scene.value = followed.value;
    });
    this.recut();
  }

  /** The link of those who join, relative to this page. */
  get invitation(): string {
    return `./${writeFragment(this.secret, null)}`;
  }

  get address(): string {
    return writeAddress({
      secret: this.secret,
      choice: this.choice.value,
      scene: this.scene.value,
      picks: this.picks.value,
      tabs: this.tabs.value,
      hidden: this.hidden.value,
      watches: this.watches,
    });
  }

  /** Of every tab that a plan can be cut for: its machine, where it is known. */
  get machines(): ReadonlyArray<string | undefined> {
    if (this.feed.value.kind === 'live') return this.live.value!.machines.value.slice(0, MOST_MEMBERS);
    return this.recorded.value?.machines ?? Array.from({ length: this.tabs.value }, () => undefined);
  }

  go(scene: Scene): void {
    this.scene.value = scene;
    this.recut();
  }

  /** `by` 1 or -1; stops at both ends. */
  turn(by: number): void {
    const next = SCENES[SCENES.indexOf(this.scene.value) + by];
    if (next) this.go(next);
  }

  pick(change: Partial<Picks>): void {
    this.picks.value = { ...this.picks.value, ...change };
    this.recut();
  }

  setTabs(tabs: number): void {
    this.tabs.value = tabs;
    this.recut();
  }

  /** Cut the run as the scene wants it for the tabs that are here; a refusal is a sentence and changes nothing. */
  recut(): void {
    const feed = this.feed.value;
    if (feed.kind === 'live' && (this.watches || this.machines.length === 0)) return;
    this.#try(() => {
      const run = feed === this.simulated ? this.#run() : feed.run.value;
      const plan = run && planFor(this.scene.value, this.machines.length, run, this.picks.value);
      if (plan) this.cut(plan);
    });
  }

  /** Run `plan` on what is on screen. Throws PlanError where the room refuses it. */
  cut(plan: ParallelPlan): void {
    const feed = this.feed.value;
    if (feed === this.simulated) this.simulated.change({ run: this.#run(), plan });
    else if (feed === this.recorded.value && !this.recorded.value.show(plan)) throw new PlanError(words.runs.missing);
    else if (feed.kind === 'live' && !(isSame(feed.plan.value, plan) && isSame(this.#asked ?? plan, plan))) {
      this.live.value!.commands.switchPlan(plan);
      this.#asked = plan;
    }
  }

  /** Start the run of the address on the tabs of the live room, cut as the scene wants it. */
  start(): void {
    const live = this.live.peek();
    if (!live) return;
    this.#try(() => {
      const seats = Math.max(1, live.seats.value);
      const run = this.#run();
      const { value: picks } = this.picks;
      const plan = planFor(this.scene.value, seats, run, picks) ?? planFor('data', seats, run, picks)!;
      live.commands.start({ ...run, plan });
    });
  }

  /** Pause what trains or let it go on. */
  pause(): void {
    const { phase } = this.feed.value;
    if (this.watches) return;
    if (phase.value === 'training' || phase.value === 'paused') {
      this.live.value?.commands.pause(phase.value === 'training');
    }
  }

  /** While paused: run one step. */
  step(): void {
    if (!this.watches) this.live.value?.commands.step();
  }

  handicap(peer: PeerId, change: Partial<Handicap>): void {
    const feed = this.feed.value;
    const view = feed.ranks.value.find((rank) => rank.peer === peer);
    if (!view) return;
    const handicap = { ...view.handicap, ...change };
    if (feed.kind === 'live') this.live.value!.commands.handicap(peer, handicap);
    else if (feed === this.simulated) this.#simulate(view.rank, handicap);
  }

  handicapAll(change: Partial<Handicap>): void {
    for (const { peer } of this.feed.value.ranks.value) this.handicap(peer, change);
  }

  /** Replay a run: the person's `file`, else the one that ships with the site. */
  async replay(file?: Blob): Promise<void> {
    try {
      const { runOfFile, shippedRun } = await import('./runs');
      this.recorded.value = file ? await runOfFile(file) : await shippedRun();
      this.panel.value = '';
      this.recut();
    } catch (error) {
      this.problem.value = sentenceOf(error);
    }
  }

  /** A live run is there to be saved. */
  get canSave(): boolean {
    return this.feed.value.kind === 'live';
  }

  /** Save the live run as one file, or the trace of the step on screen (all steps kept, of a live run) for Perfetto. */
  async save(what: 'run' | 'trace'): Promise<void> {
    const recorder = this.live.value?.recorder;
    const feed = this.feed.value;
    const { saveRun, saveTrace } = await import('./runs');
    if (what === 'run' && recorder?.hasRun) await saveRun(recorder);
    const isKept = feed.kind === 'live' && recorder !== undefined;
    if (what === 'trace') saveTrace(isKept ? recorder.events : feed.traceOf(feed.newestStep.value), feed.run.value);
  }

  /** Wait for `count` more tabs and start when they are here. */
  expect(count: number): void {
    this.expected.value = (this.live.value?.seats.value ?? 0) + count;
  }

  /** The simulator has one kind of link: it takes the handicap of any tab for all of them. */
  #simulate(rank: number, { unitMs, latencyMs, mbitPerSecond }: Handicap): void {
    const { world } = this.simulated;
    const all = Array.from({ length: this.simulated.ranks.value.length }, (_, i) => world.unitMs[i] ?? 0);
    all[rank] = unitMs;
    this.simulated.change({ unitMs: all, extraMs: latencyMs, mbitPerSecond });
  }

  #startWhenHere(seats: number): void {
    if (this.expected.value === 0 || seats < this.expected.value) return;
    this.expected.value = 0;
    // why: tabs that come into a run take part in it
    if (this.live.peek()!.feed.ranks.peek().length === 0) this.start();
    else this.recut();
  }

  #digestOf(moment: Moment): void {
    if (!moment.plan || moment.step < 0) return;
    const key = keyOf(moment.plan, moment.kind);
    const known = this.digests.peek();
    const digest = digestOf(moment, known.get(key));
    if (digest) this.digests.value = new Map(known).set(key, digest);
  }

  #run(): RunFile {
    const { source, ...rest } = this.choice.value;
    return runFileOf({ ...rest, source: source === 'own' ? 'moby-dick' : source }, '');
  }

  #try(work: () => void): void {
    try {
      batch(work);
      this.problem.value = '';
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      this.problem.value = error.message;
    }
  }
}

function partingOf({ proof, ranks, plan, generation }: Moment): string {
  if (proof && proof.parted !== '') return words.proof.parted(proof.parted);
  const replicas = plan && partedReplicas(ranks, plan, generation);
  return replicas ? words.proof.replicasParted(...replicas) : '';
}

const isSame = (a: ParallelPlan | null, b: ParallelPlan): boolean => a !== null && cutOf(a) === cutOf(b);
