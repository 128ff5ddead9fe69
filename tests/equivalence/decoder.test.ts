/**
 * Decoding with a cache: the most probable tokens are those of transformers, one token at a time or many, and the logits those
 * of a whole forward (fixture: reference/checkpoints.py).
 */
import { expect } from 'vitest';
import { Stream } from '../../src/gpu/stream';
import { Decoder } from '../../src/model/decoder';
import { candidateTokens } from '../../src/train/chat/choice';
import { readModelFolder } from '../../src/train/files/modelfolder';
import { readWeights } from '../../src/train/files/weights';
import { wholeModel } from '../../src/train/state/holding';
import { type Checkpoint, folderOf, readCheckpoints } from '../helpers/checkpoints';
import { gpuTest, useGpu } from '../helpers/gpu';

useGpu();

const GREEDY = { temperature: 0, topK: 0, topP: 1 };
const talking = Object.entries(readCheckpoints()).filter(([, { greedy }]) => greedy !== undefined);

async function open(stream: Stream, checkpoint: Checkpoint) {
  const { model, tensors } = readModelFolder(folderOf(checkpoint));
  const weights = readWeights(model, tensors);
  const params = wholeModel(model);
  return Decoder.create(stream, model, (unit, name) => {
    const { at, floats } = params.find((param) => param.unitName === unit && param.name === name)!;
    return weights.subarray(at, at + floats);
  });
}

gpuTest('there is a model of each family', async () => {
  expect(talking.map(([name]) => name)).toEqual(['gpt2-talk', 'qwen2-talk']);
});

for (const [name, checkpoint] of talking) {
  const greedy = checkpoint.greedy!;

  gpuTest(`${name}: 100 tokens, each the most probable one, as transformers generates them`, async (device) => {
    const stream = new Stream(device);
    const decoder = await open(stream, checkpoint);
    let logits = await decoder.next(greedy.slice(0, 8));
    const said: number[] = [];
    while (said.length < 100) {
      const [best] = candidateTokens(logits, checkpoint.config.vocab_size, GREEDY);
      said.push(best!.token);
      if (said.length < 100) logits = await decoder.next([best!.token]);
    }
    expect(said).toEqual(greedy.slice(8));
    decoder.close();
    stream.close();
  });

  gpuTest(`${name}: a prompt in pieces of any length gives the logits of tokens one by one`, async (device) => {
    const stream = new Stream(device);
    const decoder = await open(stream, checkpoint);
    const read = async (pieces: readonly number[]) => {
      decoder.forget();
      let at = 0;
      let logits = new Float32Array(0);
      for (const length of pieces) {
        logits = Float32Array.from(await decoder.next(greedy.slice(at, at + length)));
        at += length;
      }
      return logits;
    };
    const alone = await read(Array(53).fill(1));
    const peak = Math.max(...alone.map(Math.abs));
    for (const pieces of [[53], [16, 37], [1, 32, 3, 17]]) {
      const logits = await read(pieces);
      // other tiles of the same products: some roundings of float32
      for (const [v, value] of logits.entries()) expect(Math.abs(value - alone[v]!)).toBeLessThan(2e-6 * peak);
    }
    await expect(decoder.next(Array(76).fill(1))).rejects.toThrow('76 tokens after 53 in a context of 128');
    decoder.close();
    stream.close();
  });
}
