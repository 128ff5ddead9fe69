/** A store that never answers costs a page four seconds, once per question, and not its life. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StorageError } from '../../../src/errors';
import { inTime } from '../../../src/storage/intime';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a store that never answers is given up in a sentence', async () => {
  const given = inTime(new Promise(() => {}));
  const refused = expect(given).rejects.toThrow(
    new StorageError('the storage of this browser did not answer within 4 s'),
  );
  await vi.advanceTimersByTimeAsync(4_000);
  await refused;
  expect(vi.getTimerCount()).toBe(0);
});

test('an answer and a refusal pass, and leave no timer', async () => {
  await expect(inTime(Promise.resolve(7))).resolves.toBe(7);
  await expect(inTime(Promise.reject(new Error('full')))).rejects.toThrow('full');
  expect(vi.getTimerCount()).toBe(0);
});
