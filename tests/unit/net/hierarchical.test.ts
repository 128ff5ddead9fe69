/** The all-reduce in machines: the same bits on all ranks, the ring's sum within rounding, and bytes between machines. */
import { expect, test } from 'vitest';
import { hierarchicalBytes } from '../../../src/plan/linkcosts';
import { Trace } from '../../../src/trace/trace';
import { bits, cluster, each, expectedSum, inputs } from './groups';

/** Ranks, and ranks of a machine. */
const SHAPES = [
  [4, 2],
  [6, 2],
  [6, 3],
  [8, 4],
] as const;

test.each(SHAPES)('%i ranks in machines of %i', async (size, perMachine) => {
  for (const form of ['ring', 'direct', 'auto'] as const) {
    for (const length of [0, 1, 3, 19, 50_003]) {
      const xs = inputs(size, length, size);
      const expected = expectedSum(xs);
      const scale = xs.reduce((most, x) => x.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0);
      const { groups } = cluster(size, form, { jitterMs: 2, seed: length }, undefined, perMachine);
      await each(groups, (group, rank) => group.allReduce(xs[rank]!, '1/0/sum'));
      for (const x of xs) expect(bits(x).equals(bits(xs[0]!)), `${form} ${length}`).toBe(true);
      // why: each of N - 1 additions rounds a number of at most N times the largest value by 2^-24 of it
      const most = size * size * scale * 2 ** -24;
      for (let i = 0; i < length; i++) expect(Math.abs(xs[0]![i]! - expected[i]!)).toBeLessThanOrEqual(most);
    }
  }
});

test.each(SHAPES)(
  '%i ranks in machines of %i: what a machine sends to others is 2(m-1)/m of the array',
  async (size, perMachine) => {
    const length = 24 * 1000;
    const traces = Array.from({ length: size }, (_, rank) => new Trace().of(1, rank));
    const machineOf = (rank: number) => Math.floor(rank / perMachine);
    const sent = Array.from({ length: size }, () => ({ all: 0, far: 0 }));
    for (const trace of traces) {
      trace.subscribe(({ name, rank, bytes = 0, peer }) => {
        if (!name.endsWith('.send')) return;
        sent[rank]!.all += bytes;
        if (machineOf(rank) !== machineOf(Number(peer!.slice(1)))) sent[rank]!.far += bytes;
      });
    }
    const { groups } = cluster(size, 'ring', {}, traces, perMachine);
    await each(groups, (group) => group.allReduce(new Float32Array(length), '1/0/sum'));
    const machines = size / perMachine;
    for (let machine = 0; machine < machines; machine++) {
      const own = sent.filter((_, rank) => machineOf(rank) === machine);
      const far = own.reduce((sum, one) => sum + one.far, 0);
      expect(far).toBe((2 * (machines - 1) * 4 * length) / machines);
      for (const { all } of own) expect(all).toBe(hierarchicalBytes(4 * length, size, perMachine));
    }
  },
);
