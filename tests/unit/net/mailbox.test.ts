/** The mailbox: early and late arrivals, the generation fence, bounds, and no listener left behind. */
import { expect, test, vi } from 'vitest';
import { PeerLost, ProtocolError, StaleGeneration } from '../../../src/errors';
import { Mailbox, parseTag } from '../../../src/net/wire/mailbox';

const never = new AbortController().signal;
const bytes = (...values: number[]) => Uint8Array.from(values);

function mailbox(maxEarlyBytes?: number): Mailbox {
  const box = new Mailbox(maxEarlyBytes);
  box.add('a');
  box.add('b');
  return box;
}

test('matches by sender and tag, whichever comes first', async () => {
  const box = mailbox();
  expect(box.deliver('a', '1/0/x', 1, bytes(1))).toBe('kept');
  const late = box.recv('b', '1/0/x', never);
  expect(box.deliver('b', '1/0/x', 1, bytes(2))).toBe('taken');
  expect(await box.recv('a', '1/0/x', never)).toEqual(bytes(1));
  expect(await late).toEqual(bytes(2));
});

test('keeps no more than its bound of early bytes, and one message per tag', async () => {
  const box = mailbox(4);
  expect(box.deliver('a', '1/0/x', 1, bytes(1, 2, 3))).toBe('kept');
  expect(box.deliver('a', '1/0/x', 1, bytes(9))).toBe('duplicate');
  expect(box.deliver('a', '1/0/y', 1, bytes(1, 2))).toBe('full');
  await box.recv('a', '1/0/x', never);
  expect(box.deliver('a', '1/0/y', 1, bytes(1, 2))).toBe('kept');
});

test('a new generation forgets stored messages, rejects receivers and drops what comes late', async () => {
  const box = mailbox();
  box.deliver('a', '1/0/x', 1, bytes(1));
  box.deliver('a', '2/0/x', 2, bytes(2));
  const old = box.recv('a', '1/0/y', never);
  box.enterGeneration(2);
  await expect(old).rejects.toBeInstanceOf(StaleGeneration);
  await expect(box.recv('a', '1/0/x', never)).rejects.toBeInstanceOf(StaleGeneration);
  expect(box.deliver('a', '1/0/z', 1, bytes(1))).toBe('stale');
  expect(await box.recv('a', '2/0/x', never)).toEqual(bytes(2));
});

test('a lost peer rejects receivers; its complete messages stay', async () => {
  const box = mailbox();
  box.deliver('a', '1/0/early', 1, bytes(1));
  const waiting = box.recv('a', '1/0/x', never);
  box.lose('a', 'gone');
  await expect(waiting).rejects.toBeInstanceOf(PeerLost);
  await expect(box.recv('a', '1/0/y', never)).rejects.toBeInstanceOf(PeerLost);
  await expect(box.recv('stranger', '1/0/y', never)).rejects.toBeInstanceOf(PeerLost);
  expect(await box.recv('a', '1/0/early', never)).toEqual(bytes(1));
  expect(box.deliver('a', '1/0/z', 1, bytes(1))).toBe('unknown');
});

test('abort rejects with its reason, and no listener stays on the signal', async () => {
  const box = mailbox();
  const controller = new AbortController();
  const add = vi.spyOn(controller.signal, 'addEventListener');
  const remove = vi.spyOn(controller.signal, 'removeEventListener');
  const received = box.recv('a', '1/0/x', controller.signal);
  box.deliver('a', '1/0/x', 1, bytes(1));
  await received;
  const aborted = box.recv('a', '1/0/y', controller.signal);
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  await expect(box.recv('a', '1/0/z', controller.signal)).rejects.toBe(reason);
  expect(add).toHaveBeenCalledTimes(2);
  expect(remove).toHaveBeenCalledTimes(2);
  // the tag is free again
  expect(box.deliver('a', '1/0/y', 1, bytes(1))).toBe('kept');
});

test('two receivers of one tag are a bug of the caller', async () => {
  const box = mailbox();
  const first = box.recv('a', '1/0/x', never);
  await expect(box.recv('a', '1/0/x', never)).rejects.toBeInstanceOf(ProtocolError);
  box.deliver('a', '1/0/x', 1, bytes(1));
  await first;
});

test('tags start with generation and step', () => {
  expect(parseTag('3/120/REDUCE block1/ag.2.17')).toEqual({ generation: 3, step: 120 });
  for (const tag of ['', '3', '3/', '3/x/y', '/3/y', '-1/0/y', '3/4', `1/1/${'x'.repeat(96)}`, '4294967296/0/x']) {
    expect(() => parseTag(tag)).toThrow(ProtocolError);
  }
});
