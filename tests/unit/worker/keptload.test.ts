/** What a tab finds again of what it kept: states of the same room and run, and only those kept since a given time. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseRunFile } from '../../../src/train/runfile';
import { seedElements, stateFrom } from '../../../src/train/state/elements';
import { holdingUnder, SINGLE } from '../../../src/train/state/sync';
import { addressesOf } from '../../../src/train/state/transfer';
import { loadKept } from '../../../src/worker/kept/keptload';
import { OpfsKeeper } from '../../../src/worker/kept/opfskeeper';
import { memoryNavigator } from '../../helpers/memoryopfs';

const SMALL = { layers: 1, heads: 2, dim: 8, hidden: 16, context: 8, vocab: 11 };

test('a kept state is found by room, run and time', async () => {
  vi.stubGlobal('navigator', memoryNavigator());
  onTestFinished(() => void vi.unstubAllGlobals());
  const run = parseRunFile({ model: SMALL });
  const holding = holdingUnder(run.model, SINGLE);
  const held = addressesOf(holding);
  const elements = seedElements(run.model, 3);
  const sentences: string[] = [];
  const keeper = new OpfsKeeper('room', ({ sentence }) => sentences.push(sentence));
  const before = Date.now();
  const text = new Uint8Array();
  for (const step of [4, 8]) {
    const version = { step, generation: 2, cutting: SINGLE };
    await keeper.keep({ ...version, run, model: run.model, text, held, share: held, elements });
  }
  expect(sentences).toEqual(['', '']);
  const found = (change: Partial<Parameters<typeof loadKept>[0]> = {}) =>
    loadKept({ room: 'room', run, sinceMs: before, ...change }, () => keeper.ownSlot());
  const state = await stateFrom(elements, holding);
  expect(await found()).toEqual([{ step: 8, generation: 2, cutting: SINGLE, state }]);
  expect(await found({ sinceMs: Date.now() + 1 })).toEqual([]);
  expect(await found({ room: 'another' })).toEqual([]);
  expect(await found({ run: parseRunFile({ model: SMALL, train: { seed: 2 } }) })).toEqual([]);
});
