/**
 * Talking to the model of a run from the page that trains it: while the room trains, its ranks answer; paused and after
 * the end, a Worker of this tab opens the model's files.
 */
import { openTalk, type Talk } from '../../worker/chat/talkclient';
import type { Session } from '../state/session';
import type { ModelFiles } from '../tab';
import { words } from './words';

const AT_REST = new Set(['paused', 'done', 'stopped', 'failed']);

export class RunTalk implements Talk {
  /** The model of a step, opened from its files. */
  #opened: { readonly step: number; readonly talk: Talk } | undefined;

  constructor(private readonly session: Session) {
    session.talk.listen();
  }

  async lacking(text: string): Promise<readonly string[]> {
    return (await this.#talk()).lacking(text);
  }

  async answer(...question: Parameters<Talk['answer']>): Promise<void> {
    await (await this.#talk()).answer(...question);
  }

  stop(): void {
    this.#opened?.talk.stop();
    this.session.talk.stop();
  }

  close(): void {
    this.stop();
    this.#opened?.talk.close();
    this.#opened = undefined;
    this.session.talk.close();
  }

  async #talk(): Promise<Talk> {
    const { phase, step, members } = this.session.status.value;
    if (phase === 'waiting' && members.length === 0) throw new Error(words.waits);
    if (AT_REST.has(phase) && this.#opened?.step === step) return this.#opened.talk;
    this.#opened?.talk.close();
    this.#opened = undefined;
    if (!AT_REST.has(phase)) return this.session.talk;
    const talk = await openTalk(bytesOf(await this.session.files()));
    this.#opened = { step, talk };
    return talk;
  }
}

function bytesOf(files: ModelFiles): ReadonlyMap<string, Uint8Array> {
  const utf8 = new TextEncoder();
  const entries = Object.entries(files) as [string, string | Uint8Array][];
  return new Map(
    entries.map(([name, content]) => [name, typeof content === 'string' ? utf8.encode(content) : content]),
  );
}
