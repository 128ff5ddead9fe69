/** Ranks whose links go sealed through a real server's relay: the bits of plain links, and the losses of one rank. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { RelayClient, type RelaySocketLike } from '../../src/net/relay/relayclient';
import { relayOffer } from '../../src/net/relay/relaykeys';
import { deriveRoom, newSecret } from '../../src/net/signaling/roomkey';
import { SocketSignaling } from '../../src/net/signaling/socketsignaling';
import { linkTransport } from '../../src/net/wire/links';
import type { Transport } from '../../src/net/wire/transport';
import { attachSignaling } from '../../src/server/signal';
import { trainCluster } from '../helpers/cluster';
import { readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';
import { presenceOf } from '../helpers/signalingmedia';
import { worstRelative } from './compare';

useGpu();

const fixture = readFixture('gpt2-tall');
const { init, text } = fixture;
const STEPS = 3;

/** Two peers in a room of a server, linked through its relay; what each sends to it is counted. */
async function relayedPair() {
  const server = createServer();
  const detach = attachSignaling(server, { programsMayOpen: true, relay: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const room = await deriveRoom(newSecret());
  const enter = async (n: number) => {
    const connect = (url: string) => new WebSocket(url);
    const presence = presenceOf(n);
    const signaling = new SocketSignaling({ url: `ws://127.0.0.1:${port}/signal`, room, presence, connect });
    await signaling.met;
    const client = new RelayClient((url) => connect(url) as unknown as RelaySocketLike);
    return { id: presence.peer, signaling, client, transport: linkTransport({ self: presence.peer }) };
  };
  const ends = [await enter(1), await enter(2)] as const;
  onTestFinished(async () => {
    for (const { transport, signaling } of ends) {
      transport.close();
      signaling.close();
    }
    detach();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const halves = await Promise.all(ends.map(({ id }) => relayOffer(id)));
  for (const [i, { client, signaling, transport }] of ends.entries()) {
    const other = ends[1 - i]!.id;
    const { bulk, control } = client.pair(signaling.relay!, other, await halves[i]!.join(other, halves[1 - i]!.half));
    transport.addLink(other, bulk, control, 'relayed');
  }
  const linked = ends.map(({ transport }) => {
    return new Promise<void>((resolve) => transport.onPeers(({ size }) => size === 1 && resolve()));
  });
  await Promise.all(linked);
  return ends;
}

/** The transport of the cluster's peer `self` with every message over the relay: its peers have other names there. */
function over(ends: Awaited<ReturnType<typeof relayedPair>>, memory: Transport): Transport {
  const { transport } = ends[memory.self === 'p0' ? 0 : 1];
  const nameOf = (peer: string) => ends[peer === 'p0' ? 0 : 1].id;
  return {
    self: memory.self,
    send: (to, tag, payload) => transport.send(nameOf(to), tag, payload),
    recv: (from, tag, signal) => transport.recv(nameOf(from), tag, signal),
    sizeOf: (tag, payloadBytes) => transport.sizeOf(tag, payloadBytes),
    enterGeneration: (generation) => transport.enterGeneration(generation),
    release: (from, payload) => transport.release(nameOf(from), payload),
    onPeers: (listener) => memory.onPeers(listener),
    stats: () => transport.stats(),
    flush: () => transport.flush(),
    close: () => transport.close(),
  };
}

const PLANS = [{ dp: 2 }, { pp: 2, microbatches: 4 }, { pp: 2, schedule: 'zb-v', microbatches: 4 }, { tp: 2 }];

for (const plan of PLANS) {
  gpuTest(`${JSON.stringify(plan)}: the bits of plain links, the losses of one rank`, async (device) => {
    const options = { init, text, steps: STEPS };
    const single = await trainCluster(device, runOf(fixture, {}), options);
    const run = runOf(fixture, plan);
    const plain = await trainCluster(device, run, options);
    const ends = await relayedPair();
    const relayed = await trainCluster(device, run, { ...options, between: (memory) => over(ends, memory) });
    expect(Buffer.from(relayed.weights.buffer).equals(Buffer.from(plain.weights.buffer))).toBe(true);
    expect(relayed.losses).toEqual(plain.losses);
    // fp32 sums in another order
    expect(worstRelative(relayed.losses, single.losses)).toBeLessThan(1e-5);
    for (const { transport } of ends) {
      const [link] = transport.stats();
      expect(link).toMatchObject({ kind: 'relayed' });
      expect(link!.bytesSent).toBeGreaterThan(1000);
    }
  });
}
