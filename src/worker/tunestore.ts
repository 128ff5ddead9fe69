/**
 * Where a tab keeps the autotuner's choices: IndexedDB. In a browser that gives no storage it measures again at each
 * visit.
 */
import { get, set } from 'idb-keyval';
import type { TuneStore } from '../gpu/autotune';
import { inTime } from '../storage/intime';

const PREFIX = 'tabtrain variant 1 ';

export const browserStore: TuneStore = {
  async get(key) {
    const value: unknown = await inTime(get(PREFIX + key)).catch(() => undefined);
    return typeof value === 'string' ? value : undefined;
  },
  set: (key, value) => inTime(set(PREFIX + key, value)).catch(() => undefined),
};
