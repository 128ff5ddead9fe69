/** A direct link takes over from a relayed one while messages are under way, whatever arrives first. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LinkTransport, linkTransport } from '../../../src/net/wire/links';
import { FakeChannel } from '../../helpers/channels';

const never = new AbortController().signal;
const KB = 1024;

/** A channel whose messages arrive when the test says so, in order. */
class HeldChannel extends FakeChannel {
  readonly queue: (() => void)[] = [];
  /** Opens with it: the channels of one connection do. */
  mate: HeldChannel | undefined;

  override inject(data: unknown): void {
    const other = this.other!;
    this.queue.push(() => {
      // as a data channel, which delivers nothing before it opens
      if (other.readyState === 'connecting') (other as HeldChannel).openBoth();
      if (other.readyState === 'open') other.onmessage?.({ data } as MessageEvent);
    });
  }

  override close(): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    const other = this.other!;
    this.queue.push(() => {
      if (other.readyState === 'closed') return;
      other.readyState = 'closed';
      other.onclose?.(new Event('close'));
    });
  }

  /** It opens when its turn comes. */
  opens(): void {
    this.queue.push(() => this.readyState === 'connecting' && this.openBoth());
  }

  openBoth(): void {
    this.mate!.readyState = 'open';
    this.open();
    this.mate!.open();
  }
}

function heldPair(state: RTCDataChannelState): readonly [HeldChannel, HeldChannel] {
  const pair = [new HeldChannel(), new HeldChannel()] as const;
  for (const channel of pair) channel.readyState = state;
  pair[0].other = pair[1];
  pair[1].other = pair[0];
  return pair;
}

interface World {
  readonly ends: readonly [LinkTransport, LinkTransport];
  readonly channels: readonly HeldChannel[];
  readonly lost: string[];
}

/** Both ends have a direct link that does not open yet and a relayed one that is open. */
function world(): World {
  const [db, dc, rb, rc] = [heldPair('connecting'), heldPair('connecting'), heldPair('open'), heldPair('open')];
  const ends = [linkTransport({ self: 'a' }), linkTransport({ self: 'b' })] as const;
  const lost: string[] = [];
  for (const i of [0, 1] as const) [db[i].mate, dc[i].mate] = [dc[i], db[i]];
  for (const [i, end] of ends.entries()) {
    const peer = i === 0 ? 'b' : 'a';
    end.onLost((_, reason) => lost.push(reason));
    end.addLink(peer, db[i]!, dc[i]!);
    end.addLink(peer, rb[i]!, rc[i]!, 'relayed');
  }
  return { ends, channels: [...db, ...dc, ...rb, ...rc], lost };
}

const settle = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

/** Lets messages arrive, from one channel after the other as `order` says, until nothing is under way. */
async function run({ channels }: World, order: () => number): Promise<void> {
  for (;;) {
    await settle();
    const full = channels.filter(({ queue }) => queue.length > 0);
    if (full.length === 0) return;
    full[order() % full.length]!.queue.shift()!();
  }
}

const payloadOf = (n: number, sizeBytes: number) => new Uint8Array(sizeBytes).fill(n);

describe('a direct link that opens beside a relayed one', () => {
  test('takes over in every order of arrival: each message arrives once, nothing is lost, the relayed link ends', async () => {
    const sizes = fc.array(fc.constantFrom(0, 4, 3 * KB, 70 * KB, 600 * KB), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fc.infiniteStream(fc.nat(11)), async (before, after, orders) => {
        const it = world();
        const [direct, relayed] = [it.channels.slice(0, 4), it.channels.slice(4)];
        const order = () => orders.next().value;
        const arrived: Promise<void>[] = [];
        const send = (phase: number, all: readonly number[]) => {
          for (const [n, sizeBytes] of all.entries()) {
            for (const [i, end] of it.ends.entries()) {
              const tag = `1/0/p${phase}.${n}`;
              void end.send(i === 0 ? 'b' : 'a', tag, payloadOf(n, sizeBytes));
              const received = it.ends[1 - i]!.recv(i === 0 ? 'a' : 'b', tag, never);
              arrived.push(received.then((bytes) => expect(Buffer.compare(bytes, payloadOf(n, sizeBytes))).toBe(0)));
            }
          }
        };
        await settle();
        send(0, before);
        for (const channel of direct) channel.opens();
        for (let i = order(); i > 0; i--) {
          const full = it.channels.filter(({ queue }) => queue.length > 0);
          if (full.length > 0) full[order() % full.length]!.queue.shift()!();
          await settle();
        }
        send(1, after);
        await run(it, order);
        await Promise.all(arrived);
        expect(it.lost).toEqual([]);
        expect(relayed.map(({ readyState }) => readyState)).toEqual(new Array(4).fill('closed'));
        expect(direct.map(({ readyState }) => readyState)).toEqual(new Array(4).fill('open'));
        const [a, b] = it.ends.map((end) => end.stats()[0]!);
        expect([a!.kind, b!.kind]).toEqual(['direct', 'direct']);
        expect([a!.bytesReceived, b!.bytesReceived]).toEqual([b!.bytesSent, a!.bytesSent]);
        for (const end of it.ends) end.close();
      }),
      { numRuns: 200 },
    );
  });

  test('is not waited for: messages go by the relayed one, and one that was queued before goes there, too', async () => {
    const [db, dc, rb, rc] = [heldPair('connecting'), heldPair('connecting'), heldPair('open'), heldPair('open')];
    const [a, b] = [linkTransport({ self: 'a' }), linkTransport({ self: 'b' })];
    a.addLink('b', db[0], dc[0]);
    b.addLink('a', db[1], dc[1]);
    void a.send('b', '1/0/early', Uint8Array.of(1));
    a.addLink('b', rb[0], rc[0], 'relayed');
    b.addLink('a', rb[1], rc[1], 'relayed');
    const it = { ends: [a, b] as const, channels: [...db, ...dc, ...rb, ...rc], lost: [] };
    await run(it, () => 0);
    expect(await b.recv('a', '1/0/early', never)).toEqual(Uint8Array.of(1));
    expect(a.stats()[0]!.kind).toBe('relayed');
    for (const end of it.ends) end.close();
  });

  test('that fails leaves the relayed one in use; a relayed one that fails ends both', async () => {
    const it = world();
    const channels = it.channels;
    await run(it, () => 0);
    channels[0]!.onclose?.(new Event('close'));
    expect(it.lost).toEqual([]);
    void it.ends[0].send('b', '1/0/x', Uint8Array.of(7));
    await run(it, () => 0);
    expect(await it.ends[1].recv('a', '1/0/x', never)).toEqual(Uint8Array.of(7));
    channels[4]!.onclose?.(new Event('close'));
    expect(it.lost).toEqual(['its connection closed']);
    expect(it.ends[0].stats()).toEqual([]);
    for (const end of it.ends) end.close();
  });

  test('a goodbye over the relayed link is one', async () => {
    const it = world();
    await run(it, () => 0);
    it.ends[0].close();
    await run(it, () => 0);
    expect(it.lost).toEqual(['this peer has left', 'it said bye']);
  });
});
