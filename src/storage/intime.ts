/** A time limit for stores of the browser: some never answer, for instance with a damaged profile. */
import { StorageError } from '../errors';

/** As long as a page waits for a store before it goes on without it, ms. */
const LIMIT_MS = 4_000;

/** Settles as `work`; rejects with StorageError if that takes longer than the limit. */
export async function inTime<T>(work: Promise<T>, limitMs = LIMIT_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const sentence = `the storage of this browser did not answer within ${limitMs / 1000} s`;
    timer = setTimeout(() => reject(new StorageError(sentence)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
