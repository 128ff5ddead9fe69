/**
 * What reaches a rank when another one brings the model: its own part and no more, over real trainers and executors. The
 * sizes of arrays in processes are measured in e2e/incoming.test.ts.
 */
import { expect } from 'vitest';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import { modelFile } from '../../src/train/files/checkpoint';
import { parametersOf } from '../../src/train/files/parameters';
import type { MakeRank } from '../../src/train/rank/rankcontract';
import { rankMaker } from '../../src/train/rank/rankmodel';
import { parseRunFile } from '../../src/train/runfile';
import { seedElements } from '../../src/train/state/elements';
import { holdingUnder, SINGLE } from '../../src/train/state/sync';
import { prepare } from '../../src/train/trainer/given/prepared';
import { gpuTest, useGpu } from '../helpers/gpu';
import { TEXT, TrainRoom } from '../helpers/trainroom';

useGpu();

const RUN = {
  model: { layers: 8, heads: 2, dim: 32, context: 8 },
  data: { source: 'moby-dick' },
  train: { steps: 1, globalBatch: 4, evalEvery: 0 },
};
/** Announcements, tags of pieces, and what the two ranks acknowledge. */
const TALK_BYTES = 20_000;

const PLANS: readonly Partial<ParallelPlan>[] = [
  { dp: 2, zero: 3 },
  { pp: 2, microbatches: 2 },
];

for (const given of PLANS) {
  gpuTest(
    `${JSON.stringify(given)}: the rank that reads no file receives and writes its own part only`,
    async (device) => {
      const plan = parsePlan(given);
      const run = { ...RUN, plan };
      const { model } = (await prepare(parseRunFile(run), TEXT)).run;
      const weights = await seedElements(model, 1).read('param', holdingUnder(model, SINGLE).param.held);
      const peers = ['p0', 'p1'];
      const room = new TrainRoom(run, peers);
      const made = rankMaker({ device });
      let [received, written] = [0, 0];
      const watched: MakeRank = async (setting) => {
        const rank = await made(setting);
        const write = rank.write.bind(rank);
        rank.write = async (state) => {
          received = setting.transport.stats()[0]!.bytesReceived;
          written = [...state.param.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
          return write(state);
        };
        return rank;
      };
      const reader = room.start('p0', { makeRank: made, init: modelFile(model, weights) });
      const other = room.start('p1', { makeRank: watched, loadSource: async () => TEXT });
      room.declare(peers, { plan });
      await Promise.all([reader, other].map(({ trainer }) => trainer.finished));
      const wholeBytes = 4 * parametersOf(model);
      console.info(`whole ${wholeBytes} bytes; the other rank received ${received} and wrote ${written}`);
      // with the padding of shards, and one block more where stages are not equal
      expect(written).toBeLessThan(0.6 * wholeBytes);
      // moments are zeros then, which nobody sends
      expect(received).toBeLessThan(written + TALK_BYTES);
      expect(received).toBeGreaterThan(0.9 * written);
    },
  );
}
