/** A run that starts from a model which one tab brought: the others take it from there, and nobody trains random weights for it. */
import { expect, test } from 'vitest';
import { NOTHING_BESIDE } from '../../../src/train/data/beside';
import { packBundle } from '../../../src/train/data/brought';
import { makeTokenizer } from '../../../src/train/data/tokenizer';
import { modelFile } from '../../../src/train/files/checkpoint';
import { parseRunFile } from '../../../src/train/runfile';
import { seedElements } from '../../../src/train/state/elements';
import { holdingUnder, SINGLE } from '../../../src/train/state/sync';
import { smallRun, TEXT, TrainRoom } from '../../helpers/trainroom';

const text = new TextDecoder().decode(TEXT);
const tokenizer = makeTokenizer('byte', text, 0);
const bundle = packBundle(tokenizer.encode(text), { json: tokenizer.json(), beside: NOTHING_BESIDE });
const whole = smallRun(4) as { model: object; data: object };
const run = { ...whole, model: { ...whole.model, vocab: 256 }, data: { ...whole.data, tokenizer: 'brought' } };
const { model } = parseRunFile(run);

async function weightsOf(seed: number): Promise<Uint8Array> {
  return modelFile(model, await seedElements(model, seed).read('param', holdingUnder(model, SINGLE).param.held));
}

/** The losses that every tab tells. `init` are the weights of a tab by its number. */
async function losses(init: (tab: number) => Uint8Array | undefined) {
  const peers = ['p0', 'p1', 'p2'];
  const room = new TrainRoom(run, peers);
  const tabs = peers.map((peer, tab) => {
    const weights = init(tab);
    return room.start(peer, { loadSource: async () => (tab === 1 ? bundle : null), ...(weights && { init: weights }) });
  });
  room.declare(peers);
  await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  return tabs.map(({ metrics }) => metrics.map(({ loss }) => loss));
}

test('all tabs train from the weights that one brought', async () => {
  const weights = await weightsOf(77);
  const [first, ...others] = await losses((tab) => (tab === 1 ? weights : undefined));
  expect(first).toHaveLength(4);
  for (const one of others) expect(one).toEqual(first);
  expect(await losses(() => weights)).toEqual([first, first, first]);
  const other = await weightsOf(78);
  expect((await losses((tab) => (tab === 1 ? other : undefined)))[0]).not.toEqual(first);
});

test('without the tab that has them the run ends with a sentence', async () => {
  await expect(losses(() => undefined)).rejects.toThrow(
    'the model that this run starts from was only on a tab that is gone',
  );
});
