/**
 * Talking to the model of a run from the page that trains it: while the room trains, its ranks answer; paused and after
 * the end, a Worker of this tab opens the model's files. It gets ready for that while the room trains, and opens them as soon
 * as the room rests, so that a question finds them open.
 */
import { effect } from '@preact/signals';
import { startTalk, type Talk, type TalkStart } from '../../worker/chat/talkclient';
import type { Session } from '../state/session';
import type { ModelFiles } from '../tab';
import { isSmall, takeReady } from './ahead';
import { words } from './words';

const AT_REST = new Set(['paused', 'done', 'stopped', 'failed']);
/** The ranks compile first what a question in training needs. */
const READY_AFTER_MS = 6_000;

export class RunTalk implements Talk {
  /** The model of a step, as it is opened from its files. */
  #opened: { readonly step: number; readonly talk: Promise<Talk> } | undefined;
  /** A Worker that has no model yet. */
  #spare: TalkStart | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #unwatch: () => void;

  constructor(
    private readonly session: Session,
    private readonly start = startTalk,
  ) {
    this.#spare = takeReady(session);
    session.talk.listen();
    this.#unwatch = effect(() => {
      const { phase, step, generation, run } = session.status.value;
      if (!AT_REST.has(phase)) this.#train();
      // why: before the first generation there is nothing to open
      else if (generation > 0 && run && isSmall(run.model)) void this.#open(step);
    });
  }

  async lacking(text: string): Promise<readonly string[]> {
    return (await this.#talk()).lacking(text);
  }

  async answer(...question: Parameters<Talk['answer']>): Promise<void> {
    await (await this.#talk()).answer(...question);
  }

  stop(): void {
    this.#opened?.talk.then((talk) => talk.stop(), ignore);
    this.session.talk.stop();
  }

  close(): void {
    this.#unwatch();
    this.stop();
    clearTimeout(this.#timer);
    this.#shut();
    this.#spare?.close();
    this.session.talk.close();
  }

  async #talk(): Promise<Talk> {
    const { phase, step, members } = this.session.status.value;
    if (phase === 'waiting' && members.length === 0) throw new Error(words.waits);
    return AT_REST.has(phase) ? this.#open(step) : this.session.talk;
  }

  /** The model of the room at rest. */
  #open(step: number): Promise<Talk> {
    if (this.#opened?.step === step) return this.#opened.talk;
    clearTimeout(this.#timer);
    this.#shut();
    const start = this.#spare ?? this.start();
    this.#spare = undefined;
    const opening = this.session.files().then((files) => start.open(bytesOf(files)));
    const opened = { step, talk: opening };
    this.#opened = opened;
    opening.catch(() => {
      start.close();
      // the next question tries again
      if (this.#opened === opened) this.#opened = undefined;
    });
    return opening;
  }

  /** The weights move: give the model back, and get ready for the next rest. */
  #train(): void {
    this.#shut();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const { run, vocab, phase } = this.session.status.value;
      if (this.#spare || !run || vocab === 0 || AT_REST.has(phase) || !isSmall(run.model)) return;
      this.#spare = this.start();
      // what fails is said when the model is opened
      this.#spare.ready({ ...run.model, vocab }).catch(ignore);
    }, READY_AFTER_MS);
  }

  #shut(): void {
    this.#opened?.talk.then((talk) => talk.close(), ignore);
    this.#opened = undefined;
  }
}

const ignore = () => {};

function bytesOf(files: ModelFiles): ReadonlyMap<string, Uint8Array> {
  const utf8 = new TextEncoder();
  const entries = Object.entries(files) as [string, string | Uint8Array][];
  return new Map(
    entries.map(([name, content]) => [name, typeof content === 'string' ? utf8.encode(content) : content]),
  );
}
