/** Which links a generation measures: those to the right, by kind where a room has near links and others. */
import { expect, test } from 'vitest';
import { makeGroup } from '../../../src/net/collective/group';
import type { Transport } from '../../../src/net/wire/transport';
import { linkWords } from '../../../src/plan/auto';
import { makeMesh } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { linksBetween, probedLinks, slowestProbed } from '../../../src/plan/probed';
import { Trace, type TraceEvent } from '../../../src/trace/trace';
import { probeLinks } from '../../../src/train/trainer/auto/linkprobe';
import { memoryTransports } from '../../helpers/memory';

/**
 * The events of a probe of ranks on these machines: ranks of one machine have near links. Capitals cannot reach other
 * machines but through the server.
 */
async function probe(machines: string): Promise<readonly TraceEvent[]> {
  const size = machines.length;
  const peers = Array.from({ length: size }, (_, rank) => `p${rank}`);
  const machineOf = (peer: string) => machines[peers.indexOf(peer)];
  const { signal } = new AbortController();
  const events: TraceEvent[] = [];
  const ranks = memoryTransports(size, { latencyMs: 1 }).map(async (memory, rank) => {
    const kindTo = (peer: string) => {
      const [here, there] = [machineOf(memory.self)!, machineOf(peer)!];
      return here === there ? 'near' : /[A-Z]/.test(here + there) ? 'relayed' : 'direct';
    };
    const stats = () => memory.stats().map((link) => ({ ...link, kind: kindTo(link.peer) }) as const);
    const transport = new Proxy(memory as Transport, {
      get(target, name) {
        const value = name === 'stats' ? stats : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const mesh = makeMesh(1, peers, rank, parsePlan({ dp: size }));
    const trace = new Trace().of(1, rank);
    trace.subscribe((event) => events.push(event));
    const world = makeGroup(transport, mesh, 'dp', [...peers.keys()], signal);
    await probeLinks({ transport, mesh, signal }, world, trace);
  });
  await Promise.all(ranks);
  return events;
}

const probed = (events: readonly TraceEvent[], name: string) =>
  events
    .filter((event) => event.name === name)
    .sort((a, b) => a.rank - b.rank)
    .map(({ rank, peer }) => `${rank}>${peer}`)
    .join(' ');

test('links of one kind: every rank measures the one to its right', async () => {
  for (const machines of ['aaa', 'abc']) {
    const events = await probe(machines);
    expect(probed(events, 'latencyMs')).toBe('0>p1 1>p2 2>p0');
    expect(probed(events, 'near.latencyMs')).toBe('');
    expect(probedLinks(events, 0).near).toBeUndefined();
  }
});

test('two kinds: each rank measures the next link of each kind that it has', async () => {
  const events = await probe('aabbc');
  expect(probed(events, 'latencyMs')).toBe('0>p2 1>p2 2>p4 3>p4 4>p0');
  expect(probed(events, 'near.latencyMs')).toBe('0>p1 1>p0 2>p3 3>p2');
  const all = slowestProbed([0, 1, 2, 3, 4].map((rank) => probedLinks(events, rank)));
  const links = linksBetween(all, 2, [...'aabbc']);
  expect(links.inside?.machines).toEqual([...'aabbc']);
  for (const one of [links, links.inside!.links]) {
    expect(one.latencyMs).toBeGreaterThan(0.5);
    expect(one.bytesPerMs).toBeGreaterThan(0);
    expect(one.deviceBytesPerMs).toBeGreaterThan(0);
    expect(one.hostMs).toBe(2);
  }
});

test('relayed links are a kind of their own, with the ranks that they reach', async () => {
  const events = await probe('aaBc');
  expect(probed(events, 'latencyMs')).toBe('0>p3 1>p3 3>p0');
  expect(probed(events, 'near.latencyMs')).toBe('0>p1 1>p0');
  expect(probed(events, 'relayed.latencyMs')).toBe('0>p2 1>p2 2>p3 3>p2');
  const all = slowestProbed([0, 1, 2, 3].map((rank) => probedLinks(events, rank)));
  expect(all.relayed?.to).toEqual([[2], [2], [0, 1, 3], [2]]);
  const links = linksBetween(all, 2, [...'aaBc']);
  expect(links.relayed?.links.hostMs).toBe(2);
  expect(linkWords(links)).toMatch(
    /^links of \d+ Mbit\/s and \S+ ms, near links of .* ms, links through the server of \d+ Mbit\/s and \S+ ms$/,
  );
});

test('where every link is relayed, nothing counts as faster, and it is said', async () => {
  const events = await probe('ABC');
  const all = slowestProbed([0, 1, 2].map((rank) => probedLinks(events, rank)));
  const links = linksBetween(all, 0, [...'ABC']);
  expect(links.bytesPerMs).toBe(links.relayed?.links.bytesPerMs);
  expect(links.latencyMs).toBeGreaterThan(0.5);
  expect(linkWords(links)).toMatch(/^links through the server of \d+ Mbit\/s and \S+ ms$/);
});

test('of two probes of a rank the later one says which links are relayed', () => {
  const at = { step: 0, lane: 'net' as const, t0: 0, t1: 0, rank: 0 };
  const events = [
    { ...at, name: 'relayed.latencyMs', value: 9 },
    { ...at, name: 'relayed.rank', value: 1 },
    { ...at, name: 'relayed.rank', value: 2 },
    { ...at, name: 'relayed.latencyMs', value: 7 },
    { ...at, name: 'relayed.rank', value: 2 },
  ];
  expect(probedLinks(events, 0)).toMatchObject({ relayed: { latencyMs: 7 }, relayedTo: [2] });
});
