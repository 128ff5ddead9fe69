/** A question to the room and its votes: what is read, whose votes count, and how many messages a question costs. */
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../src/errors';
import { openRoom, type Room } from '../../../src/net/room/room';
import { parsePresence } from '../../../src/net/signaling/presence';
import { type RoomQuestion, type Vote, voteOf } from '../../../src/net/signaling/question';
import type { Presence } from '../../../src/net/signaling/signaling';
import { countVotes, type Votes, withVote } from '../../../src/pages/lecture/show/votes';
import { questionIn } from '../../../src/pages/state/people';
import { FakeServer, idOf, presenceOf, until } from '../../helpers/signalingmedia';

const question: RoomQuestion = { id: 'depth-1', text: 'What happens?', options: ['grows', 'stays', 'shrinks'] };
const outcome = { right: 2, why: 'because', votes: [1, 0, 2] };
const vote = (choice: number, id = question.id): Vote => ({ t: 'vote', id, choice });
const asking = (n: number, asked: unknown) => ({ ...presenceOf(n), signal: true, question: asked }) as Presence;

describe('what comes from the network', () => {
  test('a question is cleaned, and comes with its outcome', () => {
    const dirty = { ...question, text: 'What\u202e happens?\u0007', outcome };
    expect(parsePresence(idOf(1), asking(1, dirty)).question).toEqual({ ...question, outcome });
  });

  test.each([
    { ...question, id: '' },
    { ...question, id: 'a b' },
    { ...question, text: 'x'.repeat(601) },
    { ...question, options: ['only one'] },
    { ...question, options: Array(9).fill('x') },
    { ...question, options: ['x', 7] },
    { ...question, outcome: { ...outcome, right: 8 } },
    { ...question, outcome: { ...outcome, votes: [1.5] } },
    'depth',
  ])('a presence with the question %j is refused', (asked) => {
    expect(() => parsePresence(idOf(1), asking(1, asked))).toThrow(ProtocolError);
  });

  test.each([null, 'vote', {}, vote(-1), vote(8), vote(0.5), vote(1, '../x'), { ...vote(1), t: 'drop' }])(
    '%j is no vote',
    (value) => expect(voteOf(value)).toBeNull(),
  );

  test('only a signal page asks the room', () => {
    const roster = new Map(
      [asking(3, question), { ...asking(2, question), signal: false }].map((one) => [one.peer, one]),
    );
    expect(questionIn(roster)).toEqual({ from: idOf(3), question });
    expect(questionIn(new Map())).toBeNull();
  });
});

describe('whose votes count', () => {
  const roster = new Map([presenceOf(1), presenceOf(2), asking(9, question)].map((one) => [one.peer, one]));
  const none: Votes = new Map();

  test('one vote a peer, the newest; of those that are here and do not ask', () => {
    const votes = [
      [1, 0],
      [2, 2],
      [1, 1],
      [3, 2],
      [9, 2],
    ].reduce((all, [peer, choice]) => withVote(all, question, idOf(peer!), vote(choice!)), none);
    expect(countVotes(votes, question, roster)).toEqual([0, 1, 1]);
  });

  test.each([
    ['of another question', question, vote(1, 'depth-0')],
    ['for no option', question, vote(3)],
    ['after the reveal', { ...question, outcome }, vote(1)],
  ])('a vote %s does not count', (_, asked, given) => {
    expect(withVote(none, asked, idOf(1), given)).toBe(none);
  });

  test('a peer that changes its vote without end is no longer listened to', () => {
    let votes = none;
    for (let i = 0; i < 1000; i++) votes = withVote(votes, question, idOf(1), vote(i % 2));
    expect(votes.get(idOf(1))!.changes).toBe(20);
  });
});

test('a question costs everybody three small messages, however many phones vote; each vote goes to the asking page alone', async () => {
  const server = new FakeServer();
  const PHONES = 30;
  const peers = Array.from({ length: 1 + 4 + PHONES }, (_, n) => n + 1);
  const got = new Map(peers.map((n) => [n, { rosters: 0, orders: 0 }]));
  const rooms: Room[] = [];
  for (const n of peers) {
    const presence: Presence = n === 1 ? { ...presenceOf(1), signal: true } : presenceOf(n);
    const { signaling } = server.open(n);
    // why never: this test makes no connections
    const room = openRoom({ signaling, presence, loadConnect: () => new Promise(() => {}) });
    rooms.push(room);
    room.onRoster(() => got.get(n)!.rosters++);
    room.onOrder(() => got.get(n)!.orders++);
  }
  const [desk, ...others] = rooms as [Room, ...Room[]];
  await until(() => rooms.every(({ roster }) => roster.size === peers.length));
  desk.announce({});
  await until(() => others.every(({ roster }) => roster.get(idOf(1))?.signal === true));
  const before = new Map([...got].map(([n, counts]) => [n, { ...counts }]));
  let votes: Votes = new Map();
  desk.onOrder((from, value) => {
    const read = voteOf(value);
    if (read) votes = withVote(votes, question, from, read);
  });
  const seenBy = (asked: RoomQuestion | null) => (room: Room) =>
    JSON.stringify(questionIn(room.roster)?.question ?? null) === JSON.stringify(asked);

  desk.announce({ question });
  await until(() => others.every(seenBy(question)));
  for (const [i, room] of others.slice(4).entries()) room.order(idOf(1), vote(i % 3));
  await until(() => votes.size === PHONES);
  desk.announce({ question: { ...question, outcome } });
  await until(() => others.every(seenBy({ ...question, outcome })));
  desk.announce({ question: null });
  await until(() => others.every(seenBy(null)));

  expect(countVotes(votes, question, desk.roster)).toEqual([10, 10, 10]);
  for (const n of peers.slice(1)) {
    expect(got.get(n)!.rosters - before.get(n)!.rosters, `messages to peer ${n}`).toBe(3);
    expect(got.get(n)!.orders, `votes to peer ${n}`).toBe(0);
  }
  expect(got.get(1)!.orders).toBe(PHONES);
});
