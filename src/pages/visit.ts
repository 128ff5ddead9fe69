/**
 * The state of one person's visit to the first page: their choices, the link, their settings, and the session that they
 * drive. The lecture page has its own; both share `Session` and the parts.
 */

import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { sentenceOf } from '../errors';
import { newSecret } from '../net/signaling/roomkey';
import { signalingAddress } from '../net/signaling/signaladdress';
import { messages } from './messages';
import type { StartDesk, StartPanel } from './startmodel';
import { count } from './state/format';
import { readFragment, writeFragment } from './state/fragment';
import { randomName } from './state/names';
import { hasRun, type Person, peopleOf } from './state/people';
import { type RunChoice, runFileOf } from './state/runchoice';
import { Session } from './state/session';
import { type Settings, saveSettings } from './state/settings';
import { type OwnText, ownData, type TextFacts, textFactsOf } from './state/texts';
import type { OpenTab, RunFile } from './tab';

interface RunWords {
  readonly text: string;
  readonly model: string;
  readonly steps: string;
}

export class Visit {
  readonly session: Session;
  readonly settings;
  readonly choice;
  readonly own = signal<OwnText | null>(null);
  /** Facts of the chosen text, counted when it changes; undefined while the own text is empty. */
  readonly facts: ReadonlySignal<TextFacts | undefined>;
  /** A model to start from, and what shows it; null: training begins with random weights. */
  readonly brought = signal<{ readonly desk: StartDesk; readonly Panel: typeof StartPanel } | null>(null);
  readonly link: ReadonlySignal<string>;
  /** Link to a page that shows the room as the lecture draws it, for people who only watch. */
  readonly watchLink: string;
  readonly people: ReadonlySignal<readonly Person[]>;
  /** Somebody in the room takes part already. */
  readonly joinsRun: ReadonlySignal<boolean>;
  readonly runWords: ReadonlySignal<RunWords>;
  /** True if `runWords` describe the room's run, as far as its members tell before this tab takes part. */
  readonly knowsRun = signal(false);
  /** This page was opened by a room's link. */
  readonly invited: boolean;

  constructor(openTab: OpenTab, settings: Settings, here: Location) {
    const { secret, choice, hasChoice, refused } = readFragment(here.hash);
    this.invited = secret !== undefined;
    this.settings = signal(settings);
    this.choice = signal<RunChoice>(this.invited || hasChoice ? choice : (settings.choice ?? choice));
    const source = computed(() => this.choice.value.source);
    this.facts = computed(() => textFactsOf(source.value, this.own.value));
    const room = secret ?? newSecret();
    this.session = new Session({
      openTab,
      secret: room,
      signaling: signalingAddress(document.baseURI),
      name: settings.name || randomName(),
    });
    const { self, roster, status, device } = this.session;
    this.watchLink = `./lecture.html${writeFragment(room, null)}&watch=only`;
    this.link = computed(() => new URL(writeFragment(room, this.choice.value), here.href).href);
    this.people = computed(() => peopleOf(self.value, roster.value, status.value, device.value?.adapter));
    this.joinsRun = computed(() => hasRun(self.value, roster.value));
    this.runWords = computed(() => wordsOf(this.runs));
    if (refused.length > 0) this.session.problem.value = refused.join(' ');
    effect(() => {
      const run = runFileOf(this.choice.value, '');
      if (!this.joinsRun.value) return;
      void this.session.hasRunOf(run).then((knows) => {
        this.knowsRun.value = knows;
      });
    });
    effect(() => history.replaceState(null, '', this.link.value));
  }

  readonly choose = (change: Partial<RunChoice>): void => {
    this.choice.value = { ...this.choice.value, ...change };
    const { source, ...rest } = this.choice.value;
    if (source !== 'own') this.#keep({ choice: { source, ...rest } });
  };

  readonly takeOwn = (own: OwnText): void => {
    this.own.value = own;
    this.choice.value = { ...this.choice.value, source: 'own' };
    this.tell('');
  };

  /** Takes texts out of a drop or a choice of files, or a model that is among them. */
  async takeFiles(given: readonly FileSystemEntry[] | readonly File[]): Promise<void> {
    try {
      const { readOwnFiles } = await import('./state/ownfiles');
      const own = await readOwnFiles(given);
      if (own) this.takeOwn(own);
      else await this.bring(given);
    } catch (error) {
      this.tell(sentenceOf(error));
    }
  }

  /** Takes the file that is held out of the own text's run; none goes back to the text's last tenth. */
  async holdOut(given: readonly File[]): Promise<void> {
    const { heldOut: _, ...own } = this.own.value!;
    try {
      const { readHeldOut } = await import('./state/ownfiles');
      this.takeOwn(given.length === 0 ? own : { ...own, heldOut: await readHeldOut(given, own) });
    } catch (error) {
      this.tell(sentenceOf(error));
    }
  }

  /** Takes a model to start from, out of a drop or a choice of files. Its code is loaded with the first one. */
  async bring(given: readonly FileSystemEntry[] | readonly File[]): Promise<void> {
    const code = await import('./startmodel').catch((error) => this.tell(messages.notLoaded(sentenceOf(error))));
    if (!code) return;
    this.leaveModel();
    const desk = new code.StartDesk(this.tell);
    this.brought.value = { desk, Panel: code.StartPanel };
    if (!(await desk.open(given)) && this.brought.value?.desk === desk) this.leaveModel();
  }

  readonly leaveModel = (): void => {
    this.brought.value?.desk.close();
    this.brought.value = null;
  };

  /** Shows a sentence about something that failed; '' removes it. */
  readonly tell = (sentence: string): void => {
    this.session.problem.value = sentence;
  };

  /** The run of this tab: the room's run once it is known, else the one that the button would propose. */
  get runs(): RunFile {
    const { status, takingPart } = this.session;
    const ofRoom = takingPart.value ? status.value.run : null;
    return ofRoom ?? runFileOf(this.choice.value, this.own.value?.name ?? messages.text.own.title);
  }

  /** Called on the click on the button: takes part. */
  start(): void {
    const choice = this.choice.value;
    const own = this.own.value;
    if (choice.source === 'own' && !this.joinsRun.value && (own === null || own.text === '')) {
      this.tell(messages.text.empty);
      return;
    }
    this.tell('');
    const desk = this.joinsRun.value ? undefined : this.brought.value?.desk;
    if (desk) {
      void desk.prepare(choice, own).then((made) => made && this.session.train(made.run, made));
      return;
    }
    const given = choice.source === 'own' && own ? { text: own.text, heldOut: own.heldOut?.text } : {};
    this.session.train(runFileOf(choice, own?.name ?? '', ownData(own)), given);
  }

  /** Called on the click on a kept run: resumes it. */
  goOn(): void {
    const kept = this.session.kept.value;
    if (kept) this.session.goOn(kept);
  }

  rename(name: string): void {
    this.session.rename(name);
    this.#keep({ name });
  }

  setTheme(theme: Settings['theme']): void {
    this.#keep({ theme });
  }

  setLogScale(logScale: boolean): void {
    this.#keep({ logScale });
  }

  #keep(change: Partial<Settings>): void {
    this.settings.value = { ...this.settings.value, ...change };
    saveSettings(this.settings.value).catch((error: unknown) => {
      this.tell(`${messages.settingsLost} (${sentenceOf(error)})`);
    });
  }
}

function wordsOf({ model, data, train }: RunFile): RunWords {
  const { source } = data;
  return {
    text: source === 'moby-dick' || source === 'names' ? messages.text[source].title : source.replace(/^\w+:/, ''),
    model: messages.model.shape(model.layers, model.dim, model.context),
    steps: messages.run.steps(count(train.steps)),
  };
}
