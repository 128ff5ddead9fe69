/** The chat of the training screen opens the model of a resting room before somebody asks, and gives it back when it trains. */
import { signal } from '@preact/signals';
import { expect, test } from 'vitest';
import { getReady } from '../../../src/pages/chat/ahead';
import { RunTalk } from '../../../src/pages/chat/runtalk';
import type { Session } from '../../../src/pages/state/session';
import { IDLE, type TabStatus } from '../../../src/pages/tab';
import { parseRunFile } from '../../../src/train/runfile';
import type { TalkStart } from '../../../src/worker/chat/talkclient';

const run = parseRunFile({ model: { vocab: 97 } });
const WISH = { prompt: 'a', length: 1, temperature: 0, topK: 0, topP: 1, seed: 1, stop: '', likely: 0 };

function scene(model: object = {}, before: (session: Session, start: () => TalkStart) => void = () => {}) {
  const log: string[] = [];
  const status = signal<TabStatus>({
    ...IDLE,
    ...{ phase: 'training', generation: 1, step: 3, vocab: 97, members: ['me'] },
    run: { ...run, model: { ...run.model, ...model } },
  });
  const talk = {
    lacking: async () => [],
    answer: async () => void log.push('ranks answer'),
    stop: () => {},
    listen: () => {},
    close: () => {},
  };
  const files = async () => {
    log.push('files');
    return { 'config.json': '{}' };
  };
  const session = { status, talk, files } as unknown as Session;
  const start = (): TalkStart => ({
    ready: async ({ vocab }) => void log.push(`ready for ${vocab}`),
    open: async () => {
      log.push('open');
      return {
        lacking: async () => [],
        answer: async () => void log.push('answer'),
        stop: () => {},
        close: () => void log.push('close'),
      };
    },
    close: () => void log.push('give up'),
  });
  before(session, start);
  const chat = new RunTalk(session, start);
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  const set = async (change: Partial<TabStatus>) => {
    status.value = { ...status.value, ...change };
    await settled();
    return log.splice(0);
  };
  const ask = async () => {
    await chat.answer(WISH, () => {});
    await settled();
    return log.splice(0);
  };
  return { chat, set, ask, log, settled };
}

test('in training the ranks answer; at rest the model is open before the question', async () => {
  const { chat, set, ask, log, settled } = scene();
  expect(await ask()).toEqual(['ranks answer']);
  expect(await set({ phase: 'paused' })).toEqual(['files', 'open']);
  expect(await set({ note: 'somebody came' } as Partial<TabStatus>)).toEqual([]);
  expect(await ask()).toEqual(['answer']);
  expect(await set({ phase: 'training' })).toEqual(['close']);
  expect(await set({ phase: 'done', step: 9 })).toEqual(['files', 'open']);
  expect(await ask()).toEqual(['answer']);
  chat.close();
  await settled();
  expect(log).toEqual(['close']);
});

test('the chat takes the Worker that is ready, and who made it ready does not give it up then', async () => {
  let giveUp = () => {};
  const { chat, set, ask, log, settled } = scene({ vocab: 0 }, (session, start) => {
    giveUp = getReady(session, start);
  });
  expect(await set({ phase: 'done' })).toEqual(['ready for 97', 'files', 'open']);
  giveUp();
  expect(await ask()).toEqual(['answer']);
  chat.close();
  await settled();
  expect(log).toEqual(['close']);
});

test('a Worker that nobody took is given up', async () => {
  const { chat, log } = scene({}, (session, start) => getReady(session, start)());
  expect(log).toEqual(['ready for 97', 'give up']);
  chat.close();
  // a large model is not compiled for unasked
  const { log: none } = scene({ layers: 24, dim: 1024, hidden: 4096, vocab: 50257 }, getReady);
  expect(none).toEqual([]);
});

test('a large model is opened only when somebody asks', async () => {
  const { chat, set, ask } = scene({ layers: 24, dim: 1024, hidden: 4096, vocab: 50257 });
  expect(await set({ phase: 'paused' })).toEqual([]);
  expect(await ask()).toEqual(['files', 'open', 'answer']);
  expect(await ask()).toEqual(['answer']);
  chat.close();
});
