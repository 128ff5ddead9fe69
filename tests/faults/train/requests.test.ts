/** What people ask of a running trainer, and what it refuses: pauses, texts, weights, files, numbers that break. */
import { describe, expect, test } from 'vitest';
import { InputError, NonFinite } from '../../../src/errors';
import { modelFile } from '../../../src/train/files/checkpoint';
import { readModelFile } from '../../../src/train/files/weights';
import { parseRunFile } from '../../../src/train/runfile';
import { prepare } from '../../../src/train/trainer/given/prepared';
import type { TabStatus } from '../../../src/train/trainer/given/status';
import { plainRanks } from '../../helpers/plainrank';
import { smallRun, TEXT, TrainRoom } from '../../helpers/trainroom';

const PEERS = ['a', 'b'];
const ownText = { ...smallRun(6), data: { source: 'file:my.txt' } };

async function trained(room: TrainRoom) {
  room.declare([...room.tabs.keys()]);
  return Promise.all([...room.tabs.values()].map(({ trainer }) => trainer.finished));
}

describe('text', () => {
  test('a tab without the text takes it from the one that has it', async () => {
    const room = new TrainRoom(ownText, PEERS);
    room.start('a', { loadSource: async () => null });
    room.start('b');
    const [a, b] = await trained(room);
    expect(a!.weightsHash).toBe(b!.weightsHash);
    expect(a!.run!.model.vocab).toBe(new Set(new TextDecoder().decode(TEXT)).size);
  });

  test('nobody has it, or two have different ones: one sentence on every tab', async () => {
    for (const [mine, theirs, sentence] of [
      [null, null, 'nobody in the room has the text of file:my.txt'],
      [TEXT, TEXT.slice(1), 'peers brought different texts for file:my.txt'],
    ] as const) {
      const room = new TrainRoom(ownText, PEERS);
      const tabs = [
        room.start('a', { loadSource: async () => mine }),
        room.start('b', { loadSource: async () => theirs }),
      ];
      const ends = tabs.map(({ trainer }) => expect(trainer.finished).rejects.toThrow(sentence));
      room.declare(PEERS);
      await Promise.all(ends);
      await expect(tabs[0]!.trainer.finished).rejects.toBeInstanceOf(InputError);
      expect(tabs[0]!.status).toMatchObject({ phase: 'failed', sentence: expect.stringContaining(sentence) });
    }
  });

  test('a text shorter than one sample is refused with its numbers', async () => {
    const room = new TrainRoom(ownText, ['a']);
    const { trainer } = room.start('a', { loadSource: async () => TEXT.slice(0, 8) });
    room.declare(['a']);
    await expect(trainer.finished).rejects.toThrow('the text has 8 tokens');
  });
});

describe('starting weights', async () => {
  const { run, floats } = await prepare(parseRunFile(smallRun(4)), TEXT);
  const weights = Float32Array.from({ length: floats }, (_, i) => Math.sin(i) / 9);
  const init = modelFile(run.model, weights);

  test("given to one tab they are everybody's, and differ from the seed's", async () => {
    const hashes: string[] = [];
    for (const given of [
      [{ init }, {}],
      [{}, { init }],
      [{ init }, { init }],
      [{}, {}],
    ]) {
      const room = new TrainRoom(smallRun(4), PEERS);
      room.start('a', given[0]!);
      room.start('b', given[1]!);
      const [a, b] = await trained(room);
      expect(a!.weightsHash).toBe(b!.weightsHash);
      hashes.push(a!.weightsHash);
    }
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).toBe(hashes[2]);
    expect(hashes[0]).not.toBe(hashes[3]);
  });

  test('two different files, or one of another model, are refused', async () => {
    const room = new TrainRoom(smallRun(4), PEERS);
    const tabs = [
      room.start('a', { init }),
      room.start('b', {
        init: modelFile(
          run.model,
          weights.map((x) => -x),
        ),
      }),
    ];
    const ends = tabs.map(({ trainer }) => expect(trainer.finished).rejects.toThrow('different starting weights'));
    room.declare(PEERS);
    await Promise.all(ends);
    const other = new TrainRoom({ ...smallRun(4), model: { ...run.model, layers: 2 } }, ['a']);
    const { trainer } = other.start('a', { init });
    other.declare(['a']);
    await expect(trainer.finished).rejects.toThrow('the weights have no tensor transformer.h.1.');
  });
});

describe('requests', () => {
  test('a pause keeps the state; the curve goes on as if nothing had happened', async () => {
    const straight = new TrainRoom(smallRun(12), PEERS);
    for (const peer of PEERS) straight.start(peer);
    const [expected] = await trained(straight);
    const room = new TrainRoom(smallRun(12), PEERS);
    const makeRank = plainRanks({
      at: (where, step) => {
        if (where === 'compute' && step === 5 && room.generation === 1) room.declare(PEERS, { paused: true });
      },
    });
    const a = room.start('a', { makeRank, onStatus: resumeWhenPaused(room) });
    const b = room.start('b');
    room.declare(PEERS);
    const results = await Promise.all([a, b].map(({ trainer }) => trainer.finished));
    expect(results.map(({ weightsHash }) => weightsHash)).toEqual([expected!.weightsHash, expected!.weightsHash]);
    expect(b.phases).toContain('paused');
    expect(b.phases.slice(b.phases.indexOf('paused'))).not.toContain('waiting');
    expect(b.metrics.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i));
  });

  test('files: at a step border while it trains, from what is there between generations, none before', async () => {
    const room = new TrainRoom(smallRun(12), PEERS);
    const asked: Promise<number>[] = [];
    const makeRank = plainRanks({
      at: (where, step) => {
        if (where !== 'compute' || step !== 5) return;
        asked.push(
          room.tabs
            .get('b')!
            .trainer.files()
            .then((files) => files['model.safetensors'].length),
        );
      },
    });
    const a = room.start('a');
    const b = room.start('b', { makeRank });
    await expect(b.trainer.files()).rejects.toThrow('there is no model yet');
    const [{ files, run }] = (await trained(room)) as [Awaited<typeof a.trainer.finished>];
    expect(await asked[0]).toBe(files!['model.safetensors'].length);
    expect(await b.trainer.files()).toEqual(files);
    expect(readModelFile(run!.model, files!['model.safetensors']).every(Number.isFinite)).toBe(true);
    expect(JSON.parse(files!['config.json']).vocab_size).toBe(run!.model.vocab);
  });

  test('text is sampled on rank 0 only, one token a step', async () => {
    const room = new TrainRoom(smallRun(12), PEERS);
    const a = room.start('a', { sampling: true });
    const b = room.start('b', { sampling: true });
    await trained(room);
    expect(a.status!.sample).toMatchObject({ step: 12 });
    expect(a.status!.sample!.text.length).toBe(13);
    expect(b.status!.sample).toBeNull();
  });

  test('a loss that is not a number ends the run on every tab with one sentence', async () => {
    const room = new TrainRoom(smallRun(12), PEERS);
    const tabs = PEERS.map((peer) => room.start(peer, { makeRank: plainRanks({ broken: 4 }) }));
    const ends = tabs.map(({ trainer }) => expect(trainer.finished).rejects.toBeInstanceOf(NonFinite));
    room.declare(PEERS);
    await Promise.all(ends);
    expect(tabs.map(({ status }) => status?.phase)).toEqual(['failed', 'failed']);
  });

  test('stop before the first generation', async () => {
    const room = new TrainRoom(smallRun(12), ['a']);
    const { trainer } = room.start('a');
    trainer.stop();
    expect(await trainer.finished).toMatchObject({ end: 'stopped', run: null, step: 0, weightsHash: '' });
  });

  test('bytes sent are those of the step, of every rank', async () => {
    const room = new TrainRoom({ ...smallRun(12), train: { steps: 12, globalBatch: 7, evalEvery: 0 } }, PEERS);
    const a = room.start('a');
    room.start('b');
    await trained(room);
    const [first] = a.metrics;
    // an all-reduce over two ranks sends every gradient once (2 * (N - 1) / N), and the NORM before a ballot of 6 numbers
    const floats = (await room.paramFloats()).reduce((sum, unit) => sum + unit, 0);
    expect(first!.bytesSent.length).toBe(2);
    expect(first!.bytesSent[0]! + first!.bytesSent[1]!).toBe(2 * 4 * floats);
    for (const metrics of a.metrics.slice(1)) {
      expect(metrics.bytesSent[0]! + metrics.bytesSent[1]!).toBe(2 * (4 * floats + 48));
    }
  });
});

/** Declare the members again once the tab says that it is paused. */
function resumeWhenPaused(room: TrainRoom) {
  let resumed = false;
  return ({ phase }: TabStatus) => {
    if (phase !== 'paused' || resumed) return;
    resumed = true;
    room.declare(PEERS);
  };
}
