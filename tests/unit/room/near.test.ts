/** Near connections over a broker in memory: who gets which ports, what is refused, and what ends an attempt. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Broker } from '../../../src/net/room/broker';
import { connectNear, type NearPorts, nearSignal } from '../../../src/net/room/connectnear';

function brokerOf(): Broker & { readonly left: Map<string, readonly MessagePort[]> } {
  const left = new Map<string, readonly MessagePort[]>();
  return {
    left,
    leave: (token, ports) => void left.set(token, ports),
    take: (token) => Promise.resolve(left.get(token) ?? new Promise<never>(() => {})),
  };
}

interface End {
  readonly connection: ReturnType<typeof connectNear>;
  readonly ports: NearPorts[];
  readonly said: unknown[];
  readonly failed: ReturnType<typeof vi.fn>;
  readonly closed: string[];
}

function end(broker: Broker, initiator: boolean, page: string): End {
  const [ports, said, closed] = [[] as NearPorts[], [] as unknown[], [] as string[]];
  const failed = vi.fn();
  const connection = connectNear({
    initiator,
    broker,
    page,
    onSignal: (data) => said.push(data),
    onPorts: (given) => ports.push(given),
    onFailed: failed,
  });
  connection.onClose((reason) => closed.push(reason));
  return { connection, ports, said, failed, closed };
}

const turns = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['tabs', 'page 1', 'page 2', false],
  ['frames of one page', 'page 1', 'page 1', true],
])('two %s get the two ends of the same ports', async (_, pageA, pageB, isOneProcess) => {
  const broker = brokerOf();
  const [a, b] = [end(broker, true, pageA), end(broker, false, pageB)];
  b.connection.signal(a.said[0]);
  await turns();
  a.connection.signal(b.said[0]);
  await Promise.all([a.connection.connected, b.connection.connected]);
  expect([...a.ports, ...b.ports].map((ports) => ports.isOneProcess)).toEqual([isOneProcess, isOneProcess]);
  vi.useRealTimers();
  const heard = new Promise((resolve) => {
    b.ports[0]!.bulk.onmessage = ({ data }) => resolve(data);
  });
  a.ports[0]!.bulk.postMessage('a frame');
  expect(await heard).toBe('a frame');
  for (const { bulk, control } of [...a.ports, ...b.ports]) for (const port of [bulk, control]) port.close();
});

test('ends that do not meet at the broker give up after six seconds, and say so', async () => {
  const [a, b] = [end(brokerOf(), true, 'a'), end(brokerOf(), false, 'b')];
  b.connection.signal(a.said[0]);
  await vi.advanceTimersByTimeAsync(6001);
  for (const { failed, closed, ports } of [a, b]) {
    expect(failed).toHaveBeenCalledTimes(1);
    expect(closed).toEqual(['not connected within 6 s']);
    expect(ports).toEqual([]);
  }
  await expect(a.connection.connected).rejects.toThrow('not connected within 6 s');
});

test('an answer without the token of the offer connects nothing', () => {
  const a = end(brokerOf(), true, 'a');
  a.connection.signal({ near: 'taken', token: 'another', page: 'b' });
  expect(a.closed).toEqual(['it sent signaling that cannot be used']);
  expect(a.ports).toEqual([]);
});

test('where shared Workers are forbidden an attempt fails at once', async () => {
  const broker: Broker = {
    leave: () => {
      throw new Error('forbidden');
    },
    take: () => Promise.reject(new Error('forbidden')),
  };
  const [a, b] = [end(broker, true, 'a'), end(broker, false, 'b')];
  b.connection.signal({ near: 'offer', token: 't', page: 'a' });
  await turns();
  for (const { closed, failed } of [a, b]) {
    expect(closed).toEqual(['forbidden']);
    expect(failed).toHaveBeenCalledTimes(1);
  }
});

test('an end that was closed on purpose has not failed', () => {
  const a = end(brokerOf(), true, 'a');
  a.connection.close();
  a.connection.close();
  expect(a.closed).toEqual(['this peer closed it']);
  expect(a.failed).not.toHaveBeenCalled();
});

test.each([[null], ['x'], [{ type: 'offer', sdp: '' }], [{ near: 'offer' }], [{ near: 'x', token: 't', page: 'p' }]])(
  'no near signal is seen in %j',
  (data) => {
    expect(nearSignal(data)).toBeUndefined();
  },
);
