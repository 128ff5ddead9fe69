/** How long a line takes at least on a device made slow, and that the wait is that long. */
import { afterEach, expect, test, vi } from 'vitest';
import { leastMs, waitUntil } from '../../../src/train/rank/slowness';

afterEach(() => {
  vi.useRealTimers();
});

test('a line takes its passes, once per sample, shared out over tp', () => {
  expect(leastMs('F', 10, 1, 1, false)).toBe(10);
  expect(leastMs('B', 10, 1, 1, false)).toBe(20);
  expect(leastMs('I', 10, 3, 1, false)).toBe(30);
  expect(leastMs('W', 10, 4, 2, true)).toBe(20);
  expect(leastMs('I', 10, 1, 1, true)).toBe(20);
  expect(leastMs('B', 10, 1, 1, true)).toBe(30);
});

test('the wait ends at its time, not before and not at all for what is over', async () => {
  vi.useFakeTimers();
  const start = performance.now();
  let ended = false;
  void waitUntil(start + 9.5).then(() => {
    ended = true;
  });
  await vi.advanceTimersByTimeAsync(9);
  expect(ended).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(ended).toBe(true);
  await waitUntil(start);
});
