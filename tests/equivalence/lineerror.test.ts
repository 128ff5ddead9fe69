/** What goes wrong in a line names the rank, the line and the lines around it, over the real executor. */
import { expect } from 'vitest';
import { LineError } from '../../src/errors';
import { trainCluster } from '../helpers/cluster';
import { readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';

useGpu();

gpuTest('a message of a wrong length is reported with the line that received it', async (device) => {
  const fixture = readFixture('gpt2-deep');
  const { init, text } = fixture;
  const run = runOf(fixture, { pp: 2, microbatches: 2 });
  const training = trainCluster(device, run, {
    init,
    text,
    steps: 1,
    between: (transport) => {
      const recv = transport.recv.bind(transport);
      transport.recv = async (from, tag, signal) => {
        const bytes = await recv(from, tag, signal);
        return tag.endsWith('act s0 m1') ? bytes.subarray(4) : bytes;
      };
      return transport;
    },
  });
  const error: unknown = await training.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LineError);
  const { rank, text: line, message, around, line: number } = error as LineError;
  expect([rank, line]).toEqual([1, 'RECV act s1 m1']);
  expect(message).toMatch(/^rank 1 failed in line \d+ of \d+, "RECV act s1 m1": .* bytes instead of \d+\n/);
  expect(around).toContain(`> ${`${number}`.padStart(4)}  RECV act s1 m1`);
  expect(around.split('\n')).toHaveLength(5);
});
