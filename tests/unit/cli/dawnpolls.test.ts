import { afterEach, expect, test, vi } from 'vitest';
import { pauseBetweenPolls } from '../../../src/cli/machine/dawnpolls';

pauseBetweenPolls();
afterEach(() => {
  vi.restoreAllMocks();
});

/** A wait of the binding: `polls` polls, each of which asks for the next one. Bound functions count as native. */
const wait = (polls: number) =>
  new Promise<void>((resolve) => {
    let left = polls;
    const poll = (): void => {
      left--;
      if (left === 0) resolve();
      else setImmediate(poll.bind(null));
    };
    setImmediate(poll.bind(null));
  });

test('a short wait polls without a pause, a long one with timers, and the next wait begins anew', async () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  const timers = vi.spyOn(globalThis, 'setTimeout');
  await wait(5);
  expect(timers).not.toHaveBeenCalled();
  now.mockReturnValueOnce(0).mockReturnValue(10);
  await wait(5);
  expect(timers).toHaveBeenCalledTimes(5);
  now.mockReturnValue(20);
  await wait(5);
  expect(timers).toHaveBeenCalledTimes(5);
});

test('a callback of JavaScript runs as before, with its arguments', async () => {
  const timers = vi.spyOn(globalThis, 'setTimeout');
  vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(1000);
  expect(await new Promise((resolve) => setImmediate((...args: number[]) => resolve(args), 1, 2))).toEqual([1, 2]);
  expect(timers).not.toHaveBeenCalled();
});
