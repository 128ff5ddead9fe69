/**
 * The state of the lecture page and its commands: the feed on screen, the scene, the settings of the scene, and
 * requests to the room. Holds no DOM. A PlanError becomes a sentence in `problem`.
 */
import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { PlanError } from '../../../errors';
import { MOST_MEMBERS } from '../../../net/membership/election';
import { newSecret } from '../../../net/signaling/roomkey';
import type { ParallelPlan } from '../../../plan/plan';
import { NO_HANDICAP } from '../../../worker/watch/telemetry';
import { writeFragment } from '../../state/fragment';
import type { RunChoice } from '../../state/runchoice';
import { runFileOf } from '../../state/runchoice';
import type { PeerId, RunFile } from '../../tab';
import type { Feed, Handicap } from '../facts/feed';
import type { Moment, StagedMoment } from '../facts/moment';
import { Moments } from '../feeds/moments';
import type { RecordedFeed } from '../feeds/recordedfeed';
import { SimulatedFeed } from '../feeds/simulatedfeed';
import { type Picks, picksOn, planFor, SCENES, type Scene, sceneOf } from '../models/choice/plans';
import { differenceOf } from '../models/cut/agreement';
import { type Digest, digestOf, isSameCut, keyOf } from '../models/digest';
import { words } from '../words';
import { type Address, writeAddress } from './address';
import { Adviser } from './adviser';
import { Asked } from './asked';
import { Frames } from './frames';
import type { Live } from './live';
import { changed, Pacing } from './pacing';
import { Stage } from './stage';

type Panel = '' | 'knobs' | 'help' | 'qr' | 'elsewhere';

export class Show {
  readonly frames = new Frames();
  readonly scene;
  readonly picks;
  readonly choice;
  readonly hidden;
  /** Whether others steer the room; this page then shows the room and follows its plan from scene to scene. */
  readonly watches: boolean;
  /** Source of a single scene inside another page, '' for the whole lecture. */
  readonly embed: Address['embed'];
  /** Whether the controls that steer the room are on screen. */
  readonly steers: ReadonlySignal<boolean>;
  /** Number of simulated tabs while nobody trains. */
  readonly tabs;
  readonly panel = signal<Panel>('');
  readonly problem = signal('');
  readonly live = signal<Live | null>(null);
  /** Number of tabs to wait for; training starts when they are all here. 0: not waiting. */
  readonly expected = signal(0);
  readonly recorded = signal<RecordedFeed | null>(null);
  readonly simulated: SimulatedFeed;
  /** The feed on screen: the live room once somebody trains in it, else a loaded recording, else the simulator. */
  readonly feed: ReadonlySignal<Feed>;
  readonly moment: ReadonlySignal<Moment>;
  /** The moment that scenes draw: the requested plan's measurement, or a substitute until there is one (stage.ts). */
  readonly stage: ReadonlySignal<StagedMoment>;
  /** A sentence where the plan's gradients differ from one tab's, or replicas from each other (differenceOf); else ''. */
  readonly parted: ReadonlySignal<string>;
  /** The figures measured under each plan; the key is keyOf. */
  readonly digests = signal<ReadonlyMap<string, Digest>>(new Map());
  /** Paces the tabs of one machine, unless the lecturer wants the bare machine. */
  readonly pacing = new Pacing(
    (peer) =>
      this.feed
        .peek()
        .ranks.peek()
        .find((rank) => rank.peer === peer)?.handicap ?? NO_HANDICAP,
    (peer, handicap) => this.live.peek()?.commands.handicap(peer, handicap),
  );
  /** Asks the planner about this room (scene 7). */
  readonly adviser = new Adviser();
  readonly #moments = signal<Moments | null>(null);
  readonly #asked = new Asked();
  readonly #stage = new Stage();
  readonly #digest = (): void => this.#digestOf(this.moment.peek());
  readonly secret: string;

  constructor(address: Address) {
    this.secret = address.secret ?? newSecret();
    this.scene = signal<Scene>(address.scene);
    this.picks = signal<Picks>(address.picks);
    this.choice = signal<RunChoice>(address.choice);
    this.hidden = signal(address.hidden);
    this.watches = address.watches;
    this.embed = address.embed;
    this.steers = computed(() => !this.hidden.value && !this.watches);
    this.tabs = signal(address.tabs);
    this.problem.value = address.refused.join(' ');
    this.simulated = new SimulatedFeed(this.#run());
    this.feed = computed(() => {
      const live = this.live.value?.feed;
      return live && live.ranks.value.length > 0 ? live : (this.recorded.value ?? this.simulated);
    });
    this.moment = computed(() => this.#moments.value!.now.value);
    this.stage = computed(() => this.#stage.of(this.moment.value, this.#asked.plan.value, Date.now()));
    this.parted = computed(() => differenceOf(this.moment.value));
    effect(() => {
      const moments = new Moments(this.feed.value, this.frames);
      this.#moments.value = moments;
      return () => moments.close();
    });
    effect(() => {
      void this.moment.value;
      this.frames.request(this.#digest);
    });
    effect(() => {
      const { generation, plan } = this.feed.value;
      if (generation.value >= 0) this.#asked.answered(plan.peek());
    });
    effect(() => this.#startWhenHere(this.live.value?.seats.value ?? 0));
    effect(() => {
      const crowded = this.live.value?.crowded.value ?? [];
      if (!this.watches) this.pacing.follow(crowded);
    });
    // why: a run starts on all tabs of the room, and tabs that join make replicas of one; the scene's own cut follows
    effect(() => {
      const feed = this.feed.value;
      if (this.scene.value === 'one') void feed.plan.value;
      // why the run, too: messages of tabs may arrive before the room's run is known
      if (feed.kind === 'live' && feed.run.value !== null) setTimeout(() => this.recut());
    });
    // why pause: further training would use numbers that are known to be wrong
    effect(() => {
      const isMine = this.feed.peek().kind === 'live' && !this.watches;
      if (this.parted.value !== '' && isMine) this.live.peek()!.commands.pause(true);
    });
    // why computed: a live feed sets a new plan object with every status, and a watcher may look at other scenes
    const followed = computed(() => {
      const plan = this.feed.value.kind === 'live' && this.watches ? this.feed.value.plan.value : null;
      return plan && sceneOf(plan);
    });
    effect(() => {
      if (followed.value) this.scene.value = followed.value;
    });
    this.recut();
  }

  /** The link for tabs that join, relative to this page. */
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
      embed: this.embed,
    });
  }

  /** The machine of each tab that a plan can use, undefined where unknown. */
  get machines(): ReadonlyArray<string | undefined> {
    if (this.feed.value.kind === 'live') return this.live.value!.machines.value.slice(0, MOST_MEMBERS);
    return this.recorded.value?.machines ?? Array.from({ length: this.tabs.value }, () => undefined);
  }

  go(scene: Scene): void {
    this.scene.value = scene;
    this.recut();
  }

  /** Go to the next (`by` 1) or previous (-1) scene; stays at either end. */
  turn(by: number): void {
    this.go(SCENES[SCENES.indexOf(this.scene.value) + by] ?? this.scene.value);
  }

  pick(change: Partial<Picks>): void {
    this.picks.value = { ...this.picks.value, ...change };
    this.recut();
  }

  setTabs(tabs: number): void {
    this.tabs.value = tabs;
    this.recut();
  }

  /** Run the scene's plan on the tabs that are here. A refusal changes nothing and sets `problem`. */
  recut(): void {
    const feed = this.feed.value;
    if (feed.kind === 'live' && (this.watches || this.machines.length === 0)) return;
    this.#try(() => {
      const run = feed === this.simulated ? this.#run() : feed.run.value;
      const plan =
        run && planFor(this.scene.value, this.machines.length, run, picksOn(this.machines, this.picks.value));
      if (plan) this.cut(plan);
    });
  }

  /** Run `plan` on the feed on screen. Throws PlanError where it cannot run there. */
  cut(plan: ParallelPlan): void {
    const feed = this.feed.value;
    if (feed === this.simulated) this.simulated.change({ run: this.#run(), plan });
    else if (feed === this.recorded.value && !this.recorded.value.show(plan)) throw new PlanError(words.runs.missing);
    else if (
      feed.kind === 'live' &&
      !(isSameCut(feed.plan.value, plan) && isSameCut(this.#asked.plan.peek() ?? plan, plan))
    ) {
      this.live.value!.commands.switchPlan(plan);
      this.#asked.ask(plan);
    }
  }

  /** A step (or `steps`) of `plan` from the simulator, on this room or with these machines; null where it cannot run. */
  imagine(plan: ParallelPlan, change: Partial<Handicap> = {}, steps = 1, machines?: readonly string[]): Moment | null {
    return this.#stage.imagine(this.moment.peek(), plan, change, steps, machines);
  }

  /** Start the run of the address on the tabs of the live room, with the scene's plan (else the data scene's). */
  start(): void {
    const live = this.live.peek();
    if (!live) return;
    this.#try(() => {
      const seats = Math.max(1, live.seats.value);
      const run = this.#run();
      const picks = picksOn(this.machines, this.picks.value);
      const plan = planFor(this.scene.value, seats, run, picks) ?? planFor('data', seats, run, picks)!;
      live.commands.start({ ...run, plan });
    });
  }

  /** Pause the training, or resume it. */
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
    const handicap = changed(view.handicap, change);
    if (feed.kind === 'live') this.live.value!.commands.handicap(peer, handicap);
    else if (feed === this.simulated) this.#simulate(view.rank, handicap);
  }

  handicapAll(change: Partial<Handicap>): void {
    for (const { peer } of this.feed.value.ranks.value) this.handicap(peer, change);
  }

  /** Wait for `count` more tabs and start when they are here. */
  expect(count: number): void {
    this.expected.value = (this.live.value?.seats.value ?? 0) + count;
  }

  /** Apply a tab's handicap to the simulator, that of its links to all tabs: the simulator has one kind of link. */
  #simulate(rank: number, { unitMs, latencyMs, mbitPerSecond }: Handicap): void {
    const { world } = this.simulated;
    const all = Array.from({ length: this.simulated.ranks.value.length }, (_, i) => world.unitMs[i] ?? 0);
    all[rank] = unitMs;
    this.simulated.change({ unitMs: all, extraMs: latencyMs, mbitPerSecond });
  }

  #startWhenHere(seats: number): void {
    if (this.expected.value === 0 || seats < this.expected.value) return;
    this.expected.value = 0;
    // why recut: tabs that arrive during a run join that run
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
    return runFileOf({ ...rest, plan: 'ddp', source: source === 'own' ? 'moby-dick' : source }, '');
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
