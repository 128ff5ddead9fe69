/**
 * Predict, then reveal: the lecturer asks the room a question of the scene, the room votes, and only then the answer is
 * loaded and computed. While a question is open the scene's figures are not in the document.
 */
import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { sentenceOf } from '../../../errors';
import { messages } from '../../messages';
import type { PeerId, RoomQuestion, Vote } from '../../tab';
import type { Revealed, RoomFacts } from '../models/choice/answers';
import type { Scene } from '../models/choice/plans';
import { conditionsOf, keyOf } from '../models/digest';
import { guessWords, QUESTIONS, type QuestionName } from '../words/questions';
import type { Show } from './show';
import { countVotes, type Votes, withVote } from './votes';

const NAMES = Object.keys(QUESTIONS) as readonly QuestionName[];

export class Guess {
  readonly name = signal<QuestionName | null>(null);
  /** The open question; with its outcome once it is revealed. */
  readonly question = signal<RoomQuestion | null>(null);
  /** The reveal was asked for, and the measurement that it needs is not there yet. */
  readonly isRevealing = signal(false);
  /** Votes by option. */
  readonly counts: ReadonlySignal<readonly number[]>;
  readonly #votes = signal<Votes>(new Map());
  #asked = 0;
  #stop = () => {};

  constructor(readonly show: Show) {
    this.counts = computed(() => {
      const question = this.question.value;
      if (!question) return [];
      return (
        question.outcome?.votes ?? countVotes(this.#votes.value, question, show.live.value?.roster.value ?? new Map())
      );
    });
    // why: a question belongs to its scene
    effect(() => {
      const name = this.name.value;
      if (name && QUESTIONS[name].scene !== show.scene.value) this.close();
    });
  }

  questionsOf(scene: Scene): readonly QuestionName[] {
    return NAMES.filter((name) => QUESTIONS[name].scene === scene);
  }

  /** Ask the next question of the scene, after the last one the first; nothing in a scene without questions. */
  next(): void {
    const names = this.questionsOf(this.show.scene.peek());
    const name = names[(names.indexOf(this.name.peek()!) + 1) % names.length];
    if (!name || this.show.watches) return;
    this.#stop();
    const { text, options } = QUESTIONS[name];
    batch(() => {
      this.name.value = name;
      this.isRevealing.value = false;
      this.#votes.value = new Map();
      this.#tell({ id: `${name}-${++this.#asked}`, text, options });
    });
  }

  take(from: PeerId, vote: Vote): void {
    const question = this.question.peek();
    if (question) this.#votes.value = withVote(this.#votes.peek(), question, from, vote);
  }

  /** Show the answer, as soon as it is known. Asks the room for the measurement that it needs. */
  async reveal(): Promise<void> {
    const [name, asked] = [this.name.peek(), this.#asked];
    if (!name || this.isRevealing.peek()) return;
    this.isRevealing.value = true;
    const { answerOf } = await import('../models/choice/answers').catch((error: unknown) => {
      this.show.problem.value = messages.notLoaded(sentenceOf(error));
      return { answerOf: null };
    });
    if (!answerOf) this.isRevealing.value = false;
    if (!answerOf || asked !== this.#asked || this.name.peek() !== name) return;
    if (name === 'rounding' && !this.show.moment.peek().proof) this.show.live.peek()?.commands.prove();
    this.#stop = effect(() => {
      const facts = this.#facts();
      const found = facts && answerOf(name, facts);
      // why later: this effect must not change what it reads
      if (found) queueMicrotask(() => this.#finish(asked, found));
    });
  }

  close(): void {
    this.#stop();
    batch(() => {
      this.name.value = null;
      this.isRevealing.value = false;
      this.#tell(null);
    });
  }

  #finish(asked: number, { right, why, isMeasured }: Revealed): void {
    const question = this.question.peek();
    if (!question || question.outcome || asked !== this.#asked) return;
    this.#stop();
    const source = isMeasured ? guessWords.measured : guessWords.expected;
    batch(() => {
      this.isRevealing.value = false;
      this.#tell({ ...question, outcome: { right, why: `${why} (${source})`, votes: this.counts.peek() } });
    });
  }

  #tell(question: RoomQuestion | null): void {
    if (question === null && this.question.peek() === null) return;
    this.question.value = question;
    this.show.live.peek()?.commands.question(question);
  }

  #facts(): RoomFacts | null {
    const { show } = this;
    const moment = show.moment.value;
    const { run, kind } = moment;
    if (!run) return null;
    const conditions = conditionsOf(moment.ranks);
    return {
      moment,
      run,
      tabs: Math.max(1, show.machines.length),
      picks: show.picks.value,
      measured(plan) {
        const digest = kind === 'simulated' ? undefined : show.digests.value.get(keyOf(plan, kind));
        return digest?.conditions === conditions ? digest : undefined;
      },
      imagine: (plan, change) => show.imagine(plan, change),
    };
  }
}
