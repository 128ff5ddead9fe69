/**
 * A model that comes in by `--init` where the plan cuts it: only the rank that reads the file ever has an array as large as
 * the model; the other rank's largest is of its own part. Measured in the processes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { modelFile } from '../../src/train/files/checkpoint';
import { parametersOf } from '../../src/train/files/parameters';
import { parseRunFile } from '../../src/train/runfile';
import { seedElements } from '../../src/train/state/elements';
import { holdingUnder, SINGLE } from '../../src/train/state/sync';
import { temporaryFolder, train } from '../helpers/headless';
import { type LargestArray, largestArrays } from '../helpers/largestarray';

/** Eight equal blocks, so that half of the units is half of the model; far more than any other array of a run. */
const RUN = {
  model: { layers: 8, heads: 4, dim: 64, context: 16, vocab: 60 },
  data: { source: 'names' },
  train: { steps: 2, globalBatch: 4, evalEvery: 0 },
};

test.each([
  { dp: 2, zero: 3 },
  { pp: 2, microbatches: 2 },
])('%j: only the reader holds the model whole', async (plan) => {
  const folder = temporaryFolder(onTestFinished);
  const file = (name: string) => join(folder, name);
  const { model } = parseRunFile(RUN);
  const wholeBytes = 4 * parametersOf(model);
  const weights = await seedElements(model, 1).read('param', holdingUnder(model, SINGLE).param.held);
  writeFileSync(file('init.safetensors'), modelFile(model, weights));
  writeFileSync(file('run.json'), JSON.stringify({ ...RUN, plan }));
  const arrays = await largestArrays(folder, async () => {
    const args = [file('run.json'), '--nodes', '2', '--init', file('init.safetensors'), '--out', file('out')];
    const { code, stderr } = await train(args);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });
  const ofRank = (rank: number): LargestArray =>
    arrays.find(({ args }) => args[0]!.endsWith('noderank.js') && args.at(-1) === String(rank))!;
  const [reader, other] = [ofRank(0).most, ofRank(1).most];
  console.info(`whole ${wholeBytes} bytes; largest array of the reader ${reader}, of the other rank ${other}`);
  expect(reader).toBeGreaterThanOrEqual(wholeBytes);
  // half of the model, and one block more where stages are not equal
  expect(other).toBeLessThan(0.65 * wholeBytes);
});
