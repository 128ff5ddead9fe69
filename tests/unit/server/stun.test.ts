/** The STUN responder: one answer to a binding request, to everything else none, and limits per address. */
import { createSocket, type Socket } from 'node:dgram';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answerBinding, STUN_LIMITS, StunLimiter, startStun } from '../../../src/server/stun';

const FROM = { address: '192.0.2.1', port: 32_853 };
/** RFC 5769, section 2.2: the transaction and the mapped address of its sample response. */
const TRANSACTION = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
const COOKIE = [0x21, 0x12, 0xa4, 0x42];

/** A binding request with `attributes` as its bytes. */
const request = (...attributes: number[]) =>
  Uint8Array.from([0, 1, attributes.length >> 8, attributes.length & 255, ...COOKIE, ...TRANSACTION, ...attributes]);

test('answers with the address as RFC 5769 writes it, for IPv4 and IPv6, and with nothing else', () => {
  expect([...answerBinding(request(), FROM)!]).toEqual([
    ...[1, 1, 0, 12, ...COOKIE, ...TRANSACTION],
    ...[0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43],
  ]);
  const six = { address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 };
  expect([...answerBinding(request(), six)!.subarray(20)]).toEqual([
    ...[0, 0x20, 0, 20, 0, 2, 0xa1, 0x47],
    ...[0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9],
  ]);
});

test.each([
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
  ['::1', '0:0:0:0:0:0:0:1'],
])('%s is answered as %s', (address, same) => {
  const answer = answerBinding(request(), { address, port: 9 });
  expect(answer).not.toBeNull();
  expect(answer).toEqual(answerBinding(request(), { address: same, port: 9 }));
});

describe('gives no answer to', () => {
  test.each([
    ['nothing', new Uint8Array()],
    ['a header cut short', request().subarray(0, 19)],
    ['another cookie', request().fill(0, 4, 8)],
    ['an answer', request().fill(1, 0, 2)],
    ['an allocate request of TURN', request().fill(3, 1, 2)],
    ['a length that says more', request().fill(4, 3, 4)],
    ['a length that says less', request(...[0x80, 0x22, 0, 0]).fill(0, 3, 4)],
    ['an attribute longer than the packet', request(...[0x80, 0x22, 0, 5, 1, 2, 3, 4])],
    ['an attribute that must be understood', request(...[0, 3, 0, 4, 0, 0, 0, 6])],
    ['a packet of 600 bytes', request(...new Array(145).fill([0x80, 0x22, 0, 0]).flat())],
  ])('%s', (_, packet) => {
    expect(answerBinding(packet, FROM)).toBeNull();
  });

  test.each(['', 'example.org', '1.2.3', '1.2.3.999', '::zz', '1::2::3'])('the address "%s"', (address) => {
    expect(answerBinding(request(), { address, port: 9 })).toBeNull();
  });

  test('a sender without a port', () => {
    expect(answerBinding(request(), { address: '1.2.3.4', port: 0 })).toBeNull();
  });

  test('random bytes, and a request with random attributes never gets more than 12 bytes above its own', () => {
    const bytes = fc.uint8Array({ maxLength: 700 });
    fc.assert(
      fc.property(bytes, (packet) => {
        expect(answerBinding(packet, FROM)).toBeNull();
        const answer = answerBinding(request(...packet), FROM);
        if (answer) expect(answer.length).toBeLessThanOrEqual(20 + packet.length + 12);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('optional attributes, such as the name of the software, are passed over', () => {
  expect(answerBinding(request(...[0x80, 0x22, 0, 3, 97, 98, 99, 0], ...[0x80, 0x28, 0, 4, 1, 2, 3, 4]), FROM)).toEqual(
    answerBinding(request(), FROM),
  );
});

test('one address uses up its own rate, and all of them together that of the server', () => {
  let now = 0;
  const limiter = new StunLimiter(() => now);
  const taken = (address: string, asked: number) =>
    Array.from({ length: asked }, () => limiter.take(address)).filter(Boolean).length;
  const { perAddress, all, addresses } = STUN_LIMITS;
  expect(taken('a', perAddress.burst + 500)).toBe(perAddress.burst);
  expect(taken('b', 10)).toBe(10);
  now += 1_000;
  expect(taken('a', perAddress.burst)).toBe(perAddress.perSecond);
  now += 10_000;
  const many = Array.from({ length: 2 * addresses }, (_, n) => taken(`n${n}`, 10));
  expect(many.reduce((sum, count) => sum + count, 0)).toBe(all.burst);
});

test('over UDP: hostile packets are ignored, requests answered with the port they came from', async () => {
  const server = (await startStun('127.0.0.1', 0))!;
  const client = createSocket('udp4');
  onTestFinished(() => {
    client.close();
    server.close();
  });
  const answers: Buffer[] = [];
  client.on('message', (packet) => answers.push(packet));
  await new Promise<void>((resolve) => client.bind(0, '127.0.0.1', resolve));
  const hostile = [new Uint8Array([0]), new Uint8Array(1_400).fill(255), request().fill(0, 4, 8)];
  for (const packet of [...hostile, request(), request()]) await send(client, packet, server.port);
  await expect.poll(() => answers.length).toBe(2);
  expect(answers[0]!.readUInt16BE(26) ^ 0x2112).toBe(client.address().port);
});

test('takes another port where its own is taken', async () => {
  const [first, second] = [(await startStun('127.0.0.1', 0))!, await startStun('127.0.0.1', 0)];
  const third = await startStun('127.0.0.1', first.port);
  onTestFinished(() => {
    for (const server of [first, second, third]) server?.close();
  });
  expect(third!.port).not.toBe(first.port);
  expect(await startStun('192.0.2.77', 0)).toBeNull();
});

const send = (socket: Socket, packet: Uint8Array, port: number) =>
  new Promise<void>((resolve) => socket.send(packet, port, '127.0.0.1', () => resolve()));
