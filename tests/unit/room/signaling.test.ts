/** Signaling within a browser, over a server, and over both at once. */
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../src/errors';
import { MergedSignaling } from '../../../src/net/signaling/mergedsignaling';
import { parsePresence } from '../../../src/net/signaling/presence';
import { deriveRoom } from '../../../src/net/signaling/roomkey';
import { HandClock } from '../../helpers/clock';
import { FakeBrowser, FakeServer, idOf, presenceOf, turns, until, watched } from '../../helpers/signalingmedia';

describe('tabs of one browser', () => {
  test('see each other, and say things that only they can read', async () => {
    const browser = new FakeBrowser();
    const [a, b] = [browser.open(1), browser.open(2)];
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    a.signaling.send(idOf(2), { hello: 1 });
    await until(() => b.seen.messages.length === 1);
    expect(b.seen.messages).toEqual([[idOf(1), { hello: 1 }]]);
  });

  test('a tab that is gone without a word is missed as soon as its lock is free', async () => {
    const browser = new FakeBrowser();
    const [a, b] = [browser.open(1), browser.open(2)];
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    browser.kill(2);
    await until(() => a.seen.ids.length === 1);
    // what it said last and was still on its way does not bring it back
    b.signaling.announce(presenceOf(2));
    await turns();
    expect(a.seen.ids).toEqual([idOf(1)]);
  });

  test('bye is enough, and comes at once', async () => {
    const browser = new FakeBrowser();
    const [a, b] = [browser.open(1), browser.open(2)];
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    b.signaling.close();
    await until(() => a.seen.ids.length === 1);
  });

  test('what is not sealed for the room, or no frame at all, is not obeyed and stops nobody', async () => {
    const browser = new FakeBrowser();
    const a = browser.open(1);
    browser.open(7, await deriveRoom('x'.repeat(22)));
    for (const junk of [
      null,
      7,
      'here',
      {},
      { t: 'send', from: idOf(7) },
      { t: 'here', from: idOf(7), ask: true, seal: '?' },
    ]) {
      browser.post(junk);
    }
    const b = browser.open(2);
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    expect(a.seen.ids).toEqual([1, 2].map(idOf));
  });
});

describe('peers of a signaling server', () => {
  test('see each other, talk, and are missed as soon as their socket has closed', async () => {
    const server = new FakeServer();
    const a = server.open(1);
    await until(() => server.hub.roomCount === 1);
    const b = server.open(2);
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    b.signaling.send(idOf(1), 'hello');
    await until(() => a.seen.messages.length === 1);
    expect(a.seen.messages).toEqual([[idOf(2), 'hello']]);
    // its process ends: the server sees the socket close and says so
    const clock = new HandClock();
    const c = server.open(3, clock);
    await until(() => a.seen.ids.length === 3 && c.seen.ids.length === 3);
    server.dropNewest();
    await until(() => a.seen.ids.length === 2);
  });

  test('learn the STUN responder of the server, which is on the host of its address', async () => {
    const server = new FakeServer({ stun: 3478 });
    const [a, browser] = [server.open(1), new FakeBrowser()];
    const merged = new MergedSignaling([browser.open(1).signaling, a.signaling]);
    expect(merged.iceServers).toEqual([]);
    await a.signaling.met;
    expect(merged.iceServers).toEqual([{ urls: 'stun:server:3478' }]);
    server.die();
    expect(merged.iceServers).toEqual([{ urls: 'stun:server:3478' }]);
  });

  test('a socket that falls silent without closing is noticed within 30 s and replaced; an idle one that echoes is kept', async () => {
    const server = new FakeServer();
    const clock = new HandClock();
    const a = server.open(1, clock);
    await until(() => server.hub.roomCount === 1);
    for (let tens = 1; tens <= 12; tens++) {
      clock.advance(10_000);
      // every second time it has heard nothing since the time before, and asks
      await until(() => server.echoes === Math.floor(tens / 2));
    }
    expect(a.seen.troubles).toEqual([]);
    server.silenceNewest();
    for (let tens = 0; tens < 3; tens++) {
      clock.advance(10_000);
      await turns();
    }
    expect(a.seen.troubles).toEqual(['The signaling server at ws://server cannot be reached; trying again.']);
    clock.advance(600);
    await until(() => a.seen.troubles.length === 2);
    expect(a.seen.troubles[1]).toBe('');
  });

  test('a server that dies takes nobody with it; who does not come back with it is gone in the end', async () => {
    const server = new FakeServer();
    const clocks = [new HandClock(), new HandClock()] as const;
    const a = server.open(1, clocks[0]);
    const b = server.open(2, clocks[1]);
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    server.die();
    await turns();
    expect(a.seen.troubles).toEqual(['The signaling server at ws://server cannot be reached; trying again.']);
    expect(a.seen.ids).toEqual([1, 2].map(idOf));
    server.isUp = true;
    clocks[0].advance(600);
    await until(() => a.seen.troubles.length === 2);
    expect(a.seen.troubles[1]).toBe('');
    expect(a.seen.ids).toEqual([1, 2].map(idOf));
    clocks[0].advance(36_000);
    expect(a.seen.ids).toEqual([idOf(1)]);
  });
});

describe('who was here before', () => {
  test('has been heard when a newcomer says that it has met them, over each medium and over both', async () => {
    const browser = new FakeBrowser();
    const server = new FakeServer();
    for (const n of [1, 2]) await browser.open(n).signaling.met;
    await server.open(3).signaling.met;
    const near = browser.open(4);
    const far = server.open(4);
    const both = watched(new MergedSignaling([near.signaling, far.signaling]));
    await near.signaling.met;
    expect(near.seen.ids).toEqual([1, 2, 4].map(idOf));
    await far.signaling.met;
    expect(far.seen.ids).toEqual([3, 4].map(idOf));
    await both.signaling.met;
    expect(both.seen.ids).toEqual([1, 2, 3, 4].map(idOf));
  });

  test('is not waited for where the server cannot be reached, nor after closing', async () => {
    const server = new FakeServer();
    server.isUp = false;
    const a = server.open(1);
    await a.signaling.met;
    expect(a.seen.troubles.length).toBe(1);
    const b = server.open(2);
    b.signaling.close();
    await b.signaling.met;
  });
});

test('a tab met in this browser is believed gone when its lock says so, whatever the server still says', async () => {
  const browser = new FakeBrowser();
  const server = new FakeServer();
  const near = browser.open(1).signaling;
  const far = server.open(1).signaling;
  const a = watched(new MergedSignaling([near, far]));
  await until(() => server.hub.roomCount === 1);
  const b = browser.open(2);
  server.open(2);
  const c = server.open(3);
  await until(() => a.seen.ids.length === 3 && b.seen.ids.length === 2 && c.seen.ids.length === 3);
  a.signaling.send(idOf(2), 'near');
  a.signaling.send(idOf(3), 'far');
  await until(() => b.seen.messages.length === 1 && c.seen.messages.length === 1);
  browser.kill(2);
  await until(() => a.seen.ids.length === 2);
  expect(a.seen.ids).toEqual([1, 3].map(idOf));
});

test('what a peer says of its machine is a hash or nothing', () => {
  const said = { ...presenceOf(1), machine: '0123456789abcdef' };
  expect(parsePresence(idOf(1), said).machine).toBe('0123456789abcdef');
  expect(parsePresence(idOf(1), presenceOf(1))).toEqual(presenceOf(1));
  for (const machine of ['0123456789ABCDEF', 'x'.repeat(16), 7, ''])
    expect(() => parsePresence(idOf(1), { ...said, machine })).toThrow(ProtocolError);
});
