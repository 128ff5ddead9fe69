/** What a program that is a member of a room prints: why it waits, with whom it trains, and its progress. */
import type { Room } from '../../net/room/room';
import type { TabStatus } from '../../worker/api';
import { Progress } from './progress';

export class MemberLog {
  #progress: Progress;
  #said = '';

  constructor(private readonly out: NodeJS.WriteStream) {
    this.#progress = new Progress(0, out);
  }

  entered(room: Room): void {
    const names = [...room.roster.values()].filter(({ peer }) => peer !== room.self).map(({ name }) => name || 'a tab');
    this.say(`In the room with ${names.join(', ')}.`);
  }

  /** Prints a sentence on a line of its own, once in a row. */
  say(sentence: string): void {
    if (sentence === this.#said || sentence === '') return;
    this.#said = sentence;
    this.#progress.say(sentence);
  }

  status({ phase, sentence, members, rank, steps, newMetrics }: TabStatus): void {
    if (phase === 'waiting' || phase === 'syncing' || phase === 'paused') this.say(sentence);
    if (phase === 'training') {
      const others = members.length - 1;
      this.say(
        `Training as rank ${rank}, ${others === 0 ? 'alone' : `with ${others} other${others === 1 ? '' : 's'}`}.`,
      );
    }
    if (steps !== this.#progress.steps) this.#progress = new Progress(steps, this.out);
    for (const metrics of newMetrics) this.#progress.step(metrics);
  }

  ended(end: 'done' | 'stopped', step: number): void {
    this.say(end === 'done' ? `The run is done: ${step} steps.` : `Left at step ${step}; the room keeps the run.`);
  }
}
