/** Signaling over an MQTT broker: what it keeps and says of others is only a reason to ask them. */
import { expect, test } from 'vitest';
import { HandClock } from '../../helpers/clock';
import { FakeMqtt } from '../../helpers/fakemqtt';
import { idOf, ROOM, turns, until } from '../../helpers/signalingmedia';

const presenceTopic = (n: number) => `tabtrain/${ROOM.id}/p/${idOf(n)}`;
type Peer = ReturnType<FakeMqtt['open']> & { readonly n: number };
const mailbox = (n: number) => `tabtrain/${ROOM.id}/m/${idOf(n)}`;

/** Resolves when peer `to` has received an answer of peer `from` to its question. */
async function answered(broker: FakeMqtt, from: Peer, to: Peer): Promise<void> {
  await until(() => broker.published.includes(mailbox(to.n)));
  const before = to.seen.messages.length;
  // why: it comes after the answer
  from.signaling.send(idOf(to.n), 'after');
  await until(() => to.seen.messages.length > before);
}

async function two() {
  const broker = new FakeMqtt();
  const clock = new HandClock();
  const open = (n: number): Peer => ({ ...broker.open(n, clock), n });
  const a = open(1);
  await until(() => broker.retained.size === 1);
  const b = open(2);
  await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
  // who came first was kept by the broker for the other
  await answered(broker, a, b);
  b.seen.messages.length = 0;
  return { broker, clock, open, a, b };
}

test('peers see each other and send messages that only the receiver reads; a newcomer knows who is here', async () => {
  const { broker, clock, open, a, b } = await two();
  a.signaling.send(idOf(2), { hello: 1 });
  await until(() => b.seen.messages.length === 1);
  expect(b.seen.messages).toEqual([[idOf(1), { hello: 1 }]]);
  const c = open(3);
  await c.signaling.met;
  await until(() => c.seen.ids.length === 3);
  await answered(broker, a, c);
  await answered(broker, b, c);
  clock.advance(60_000);
  expect(c.seen.ids).toHaveLength(3);
  expect([...broker.retained.values()].join()).not.toContain('tab 1');
});

test('a peer that died is gone two seconds after its will', async () => {
  const { broker, clock, a } = await two();
  broker.kill(2);
  await turns();
  expect(a.seen.ids).toHaveLength(2);
  clock.advance(2_000);
  expect(a.seen.ids).toEqual([idOf(1)]);
});

test('a will that somebody forged removes nobody, and the presence comes back', async () => {
  const { broker, clock, a, b } = await two();
  broker.published.length = 0;
  broker.publish(presenceTopic(2), '', true);
  await answered(broker, b, a);
  expect(broker.retained.has(presenceTopic(2))).toBe(true);
  clock.advance(60_000);
  expect(a.seen.ids).toHaveLength(2);
});

test('a presence that the broker kept of a dead peer is asked, removed and cleared', async () => {
  const { broker, clock, open, a, b } = await two();
  const old = broker.retained.get(presenceTopic(2))!;
  b.signaling.close();
  expect(broker.retained.has(presenceTopic(2))).toBe(false);
  broker.retained.set(presenceTopic(2), old);
  const c = open(3);
  await until(() => c.seen.ids.length === 3);
  await answered(broker, a, c);
  clock.advance(2_000);
  expect(c.seen.ids).toEqual([1, 3].map(idOf));
  expect(broker.retained.has(presenceTopic(2))).toBe(false);
});

test('what anybody else writes to the topics of a room is ignored and stops nobody', async () => {
  const { broker, a, b } = await two();
  for (const text of ['x', `${idOf(2)} AAAA`, 'no one', ' ', '{}']) {
    broker.publish(mailbox(1), text, false);
    broker.publish(presenceTopic(7), text, false);
    broker.publish(`tabtrain/${ROOM.id}/p/../x`, text, false);
  }
  b.signaling.send(idOf(1), 'still');
  await until(() => a.seen.messages.length === 1);
  expect(a.seen.ids).toHaveLength(2);
});

test('a broker that was away costs a sentence; who does not come back within 35 s is gone', async () => {
  const { broker, clock, a, b } = await two();
  broker.retained.clear();
  broker.published.length = 0;
  broker.reconnect(1);
  expect(a.seen.troubles.at(-2)).toContain('The MQTT broker wss://broker cannot be reached (gone)');
  expect(a.seen.troubles.at(-1)).toBe('');
  await answered(broker, b, a);
  clock.advance(35_000);
  expect(a.seen.ids).toHaveLength(2);
  b.signaling.close();
  broker.reconnect(1);
  await turns();
  clock.advance(35_000);
  expect(a.seen.ids).toEqual([idOf(1)]);
});
