import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Poll } from '../../../src/gpu/poll';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function polling(isNeeded: boolean) {
  let submits = 0;
  const poll = new Poll({ submit: () => void submits++ }, isNeeded);
  return { poll, submits: () => submits };
}

test('where the browser does not signal, empty submits go on until the last of several promises is settled', async () => {
  const { poll, submits } = polling(true);
  const first = poll.until(new Promise((resolve) => setTimeout(resolve, 10, 'done')));
  const second = poll.until(new Promise((_, reject) => setTimeout(reject, 20, new Error('the device is gone'))));
  vi.advanceTimersByTime(10);
  expect(await first).toBe('done');
  expect(submits()).toBe(10);
  const settled = expect(second).rejects.toThrow('the device is gone');
  vi.advanceTimersByTime(10);
  await settled;
  expect(submits()).toBe(20);
  vi.advanceTimersByTime(10);
  expect(submits()).toBe(20);
});

test('other browsers are left alone', async () => {
  const { poll, submits } = polling(false);
  const done = poll.until(new Promise((resolve) => setTimeout(resolve, 10, 'done')));
  vi.advanceTimersByTime(10);
  expect(await done).toBe('done');
  expect(submits()).toBe(0);
});
