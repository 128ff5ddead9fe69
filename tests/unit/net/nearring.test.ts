/** Collectives over real MessagePorts, buffers moved and given back as between frames of one page: the bits of the sums. */
import { afterEach, expect, test } from 'vitest';
import { DEFAULT_LINKS, makeGroup } from '../../../src/net/collective/group';
import { type LinkTransport, linkTransport } from '../../../src/net/wire/links';
import { PortChannel } from '../../../src/net/wire/portchannel';
import type { Mesh } from '../../../src/plan/mesh';

const SIZE = 4;
const PEERS = Array.from({ length: SIZE }, (_, i) => `p${i}`);
const never = new AbortController().signal;

let transports: LinkTransport[] = [];
afterEach(() => {
  for (const transport of transports) transport.close();
});

function joined(isOneProcess: boolean): LinkTransport[] {
  transports = PEERS.map((self) => linkTransport({ self }));
  for (let a = 0; a < SIZE; a++) {
    for (let b = a + 1; b < SIZE; b++) {
      const [bulk, control] = [new MessageChannel(), new MessageChannel()];
      const channel = (port: MessagePort) => new PortChannel(port, isOneProcess);
      transports[a]!.addLink(PEERS[b]!, channel(bulk.port1), channel(control.port1), 'near');
      transports[b]!.addLink(PEERS[a]!, channel(bulk.port2), channel(control.port2), 'near');
    }
  }
  return transports;
}

function meshOf(rank: number): Mesh {
  const all = PEERS.map((_, i) => i);
  return {
    generation: 1,
    peers: PEERS,
    rank,
    coord: { dp: rank, pp: 0, tp: 0 },
    ranks: () => all,
    stageRank: () => rank,
    replicaOf: (other) => other,
  };
}

/** Contribution of a rank to round `step`: no two ranks, rounds or places have the same. */
const termOf = (rank: number, step: number, i: number) => Math.fround(Math.sin(1 + rank * 7 + step * 13 + i * 0.37));

test.each([
  ['ring', true],
  ['ring', false],
  ['direct', true],
  ['direct', false],
] as const)('%s, in one process %s: every sum is that of the ranks in ring order', async (form, isOneProcess) => {
  // why three: pieces of 16,320 floats, one of them short
  const length = SIZE * (2 * 16_320 + 100);
  const groups = joined(isOneProcess).map((transport, rank) =>
    makeGroup(
      transport,
      meshOf(rank),
      'dp',
      PEERS.map((_, i) => i),
      never,
      { links: { ...DEFAULT_LINKS, form } },
    ),
  );
  for (let step = 0; step < 6; step++) {
    const arrays = groups.map((_, rank) => Float32Array.from({ length }, (_, i) => termOf(rank, step, i)));
    await Promise.all(groups.map((group, rank) => group.allReduce(arrays[rank]!, `1/${step}/sum`)));
    const chunk = length / SIZE;
    const expected = Float32Array.from({ length }, (_, i) => {
      const first = Math.floor(i / chunk);
      let sum = termOf(first, step, i);
      for (let k = 1; k < SIZE; k++) sum = Math.fround(sum + termOf((first + k) % SIZE, step, i));
      return sum;
    });
    for (const array of arrays) expect(Buffer.compare(Buffer.from(array.buffer), Buffer.from(expected.buffer))).toBe(0);
  }
});

test('a message of many frames arrives whole, again and again, while its buffers go back and forth', async () => {
  const [a, b] = joined(true) as [LinkTransport, LinkTransport];
  for (let i = 0; i < 20; i++) {
    const sent = Uint8Array.from({ length: 500_000 }, (_, at) => at * 31 + i);
    const [received] = await Promise.all([b.recv('p0', `1/${i}/m`, never), a.send('p1', `1/${i}/m`, sent)]);
    expect(Buffer.compare(received, sent)).toBe(0);
  }
});
