import { describe, expect, it } from 'vitest';
import { PeerLost } from '../../../src/errors';
import { MOST_MEMBERS } from '../../../src/net/membership/election';
import { UNREACHED_MS } from '../../../src/net/membership/waiting';
import { parsePlan } from '../../../src/plan/plan';
import { expectTogether, idOf, inside, roomOf, type SimPeer, SimRoom } from '../../helpers/simroom';

describe('membership', () => {
  it('lets one peer alone train', async () => {
    const room = await roomOf(1);
    expectTogether(room, [idOf(1)]);
    expect(room.peers.get(idOf(1))!.machine.describe()).toBe('');
  });

  it('makes one generation of peers that come within the debounce, replicas filling the plan', async () => {
    const room = await roomOf(4);
    expectTogether(room, [1, 2, 3, 4].map(idOf));
    const [joined] = inside(room);
    expect(joined).toMatchObject({ number: 1, plan: { dp: 4, pp: 1, tp: 1 }, paused: false });
  });

  it('takes in no more than all can be connected to; the rest is in reserve and says so, and takes a place that is free', async () => {
    const room = await roomOf(MOST_MEMBERS + 2);
    const ids = Array.from({ length: MOST_MEMBERS + 2 }, (_, i) => idOf(i + 1));
    const members = () => room.peers.get(ids[0]!)!.joined!.peers;
    expect(members()).toEqual(ids.slice(0, MOST_MEMBERS));
    for (const id of ids) expect(room.peers.get(id)!.wanted.length).toBe(MOST_MEMBERS + 1);
    const last = room.peers.get(ids.at(-1)!)!;
    const said = `The plan uses ${MOST_MEMBERS} tabs; this one is in reserve.`;
    expect(last.machine.describe()).toBe(said);
    room.kill(ids[3]!);
    await room.settle();
    expect(members()).toEqual([...ids.slice(0, 3), ...ids.slice(4, MOST_MEMBERS + 1)]);
    expect(last.machine.describe()).toBe(said);
  });

  it('takes a joiner in at the step border, without aborting and after the members, even one that becomes authority', async () => {
    const room = new SimRoom();
    for (const n of [5, 6]) room.add(n);
    await room.settle();
    const before = inside(room)[0]!;
    room.add(1);
    await room.settle();
    expectTogether(room, [5, 6, 1].map(idOf));
    expect(before.signal.aborted).toBe(false);
  });

  it('names a newcomer only once it waits for a generation', async () => {
    const room = await roomOf(2);
    const newcomer = room.add(3, { isReady: false });
    await room.settle();
    expect(inside(room)[0]!.number).toBe(1);
    room.train(newcomer);
    await room.settle();
    expectTogether(room, [1, 2, 3].map(idOf));
  });

  it('lets a newcomer ask for links only once it has heard the newest generation, which names their kind', async () => {
    const room = await roomOf(2);
    const known: number[] = [];
    const newcomer = room.add(3, { want: () => known.push(newcomer.machine.newest.number) });
    await room.settle();
    expect(known[0]).toBe(1);
  });

  it('aborts the generation of a dead member with PeerLost and goes on without it, the authority included', async () => {
    for (const dead of [1, 2, 3]) {
      const room = await roomOf(3);
      const survivors = [1, 2, 3].filter((n) => n !== dead).map(idOf);
      const before = survivors.map((id) => room.peers.get(id)!.joined!);
      room.kill(idOf(dead));
      await room.settle();
      for (const { signal } of before) expect(signal.reason).toBeInstanceOf(PeerLost);
      expectTogether(room, survivors);
    }
  });

  it('lets a peer leave at the step border: nobody is aborted', async () => {
    const room = await roomOf(3);
    const before = inside(room);
    room.announce(idOf(1), { state: 'observer' });
    await room.settle();
    expectTogether(room, [2, 3].map(idOf));
    for (const joined of before) expect(joined!.signal.aborted).toBe(false);
    expect(room.peers.get(idOf(1))!.joined).toBeUndefined();
  });

  it('stops the last peer at its own border when it leaves', async () => {
    const room = await roomOf(1);
    room.announce(idOf(1), { state: 'observer' });
    await room.settle();
    expect(room.peers.get(idOf(1))!.machine.declared).toBe(2);
    expect(room.peers.get(idOf(1))!.joined).toBeUndefined();
  });

  it('pauses, resumes and switches the plan for everybody, whoever asks', async () => {
    const room = await roomOf(4);
    const asker = room.peers.get(idOf(4))!;
    asker.machine.ask({ paused: true });
    await room.settle();
    expect(inside(room).map((joined) => joined!.paused)).toEqual([true, true, true, true]);
    asker.machine.ask({ paused: false, plan: parsePlan({ pp: 2, tp: 1 }) });
    await room.settle();
    expect(inside(room)[2]).toMatchObject({ paused: false, plan: { dp: 2, pp: 2 } });
    expectTogether(room);
    asker.machine.ask({ plan: parsePlan({ pp: 8 }) });
    await room.settle();
    expect(inside(room)[0]).toMatchObject({ plan: { dp: 2, pp: 2 } });
  });

  it('seats the ranks of a cut model by machine, once, and keeps them so', async () => {
    const room = new SimRoom();
    const machineOf = (n: number) => (n % 2 === 0 ? 'even' : 'odd');
    for (const n of [1, 2, 3, 4]) room.add(n, { presence: { machine: machineOf(n) } });
    await room.settle();
    expectTogether(room, [1, 2, 3, 4].map(idOf));
    room.peers.get(idOf(2))!.machine.ask({ plan: parsePlan({ tp: 2 }) });
    await room.settle();
    expectTogether(room, [1, 3, 2, 4].map(idOf));
    const { number } = inside(room)[0]!;
    room.tellRoster();
    await room.settle();
    expect(inside(room)[0]).toMatchObject({ number, plan: { dp: 2, tp: 2 } });
    for (const n of [5, 6, 7, 8]) room.add(n, { presence: { machine: machineOf(n) } });
    await room.settle();
    expectTogether(room, [1, 3, 2, 4, 5, 7, 6, 8].map(idOf));
    // measured shares and stages hold for the order of the ranks they were measured on
    room.peers.get(idOf(1))!.machine.ask({ plan: parsePlan({ pp: 2, dp: 4, stageUnits: [1, 3] }) });
    await room.settle();
    expectTogether(room, [1, 3, 2, 4, 5, 7, 6, 8].map(idOf));
  });

  it('keeps a pause and a plan when the authority dies', async () => {
    const room = await roomOf(4);
    room.peers.get(idOf(2))!.machine.ask({ paused: true, plan: parsePlan({ tp: 2 }) });
    await room.settle();
    room.kill(idOf(1));
    room.kill(idOf(2));
    await room.settle();
    expect(inside(room)[0]).toMatchObject({ paused: true, plan: { dp: 1, tp: 2 } });
    expectTogether(room, [3, 4].map(idOf));
  });

  it('waits for peers when the plan needs more than are here, and says so', async () => {
    const room = await roomOf(4);
    room.peers.get(idOf(1))!.machine.ask({ plan: parsePlan({ pp: 4 }) });
    await room.settle();
    room.kill(idOf(4));
    await room.settle();
    expect(inside(room)).toEqual([undefined, undefined, undefined]);
    room.add(9);
    await room.settle();
    expectTogether(room);
  });

  it('starts a headless run with exactly the expected peers, ranked by index', async () => {
    const room = new SimRoom();
    const expectThree = (n: number, index: number) => room.add(n, { expect: 3, presence: { index } });
    expectThree(1, 2);
    expectThree(2, 0);
    await room.settle();
    expect(inside(room)).toEqual([undefined, undefined]);
    expect(room.peers.get(idOf(1))!.machine.describe()).toBe('Waiting for peers: 2 of 3 are here.');
    expectThree(3, 1);
    await room.settle();
    expectTogether(room, [2, 3, 1].map(idOf));
  });

  it('goes on with all the ranks of a headless run or not at all', async () => {
    const room = new SimRoom();
    const add = (n: number, index: number) => room.add(n, { expect: 3, presence: { index } });
    for (const n of [1, 2, 3]) add(n, n);
    await room.settle();
    const before = inside(room)[0]!.number;
    room.breakLink(`${idOf(2)}|${idOf(3)}`);
    await room.settle();
    expectTogether(room, [1, 2, 3].map(idOf));
    expect(inside(room)[0]!.number).toBeGreaterThan(before);
    room.kill(idOf(2));
    await room.settle();
    for (const joined of inside(room)) expect(joined === undefined || joined.signal.aborted).toBe(true);
    add(4, 2);
    await room.settle();
    expectTogether(room);
  });

  it('obeys the signal page as long as it is open', async () => {
    const room = await roomOf(2);
    const page = room.add(9, { presence: { state: 'observer', signal: true } });
    await room.settle();
    page.machine.ask({ paused: true });
    await room.settle();
    expect(room.peers.get(idOf(1))!.joined).toMatchObject({ paused: true, peers: [1, 2].map(idOf) });
    expect(page.joined).toBeUndefined();
    room.kill(idOf(9));
    room.peers.get(idOf(2))!.machine.ask({ paused: false });
    await room.settle();
    room.peers.get(idOf(2))!.machine.ask({ paused: false });
    await room.settle();
    expect(room.peers.get(idOf(1))!.joined).toMatchObject({ paused: false });
  });

  it('declares again when a link between living members breaks, and leaves one out when it stays broken', async () => {
    const room = await roomOf(3);
    const before = inside(room)[0]!;
    room.breakLink(`${idOf(2)}|${idOf(3)}`);
    await room.settle();
    expectTogether(room, [1, 2, 3].map(idOf));
    expect(before.signal.reason).toBeInstanceOf(PeerLost);
    room.cut.add(`${idOf(2)}|${idOf(3)}`);
    room.breakLink(`${idOf(2)}|${idOf(3)}`);
    for (let n = 0; n < 400 && room.peers.get(idOf(1))!.joined?.peers.length !== 2; n++) {
      while (room.deliver(() => 0));
      await Promise.resolve();
      room.clock.advance(50);
    }
    expect(room.peers.get(idOf(1))!.joined?.peers).toEqual([1, 2].map(idOf));
    expect(room.peers.get(idOf(3))!.machine.describe()).toBe(`Connecting to ${idOf(2)}.`);
    room.clock.advance(UNREACHED_MS);
    expect(room.peers.get(idOf(3))!.machine.describe()).toMatch(
      /^No connection to \S+: both sides must be in one network/,
    );
  });

  it('refuses a peer of another build and one that brings another run file, each with a sentence', async () => {
    const room = await roomOf(2);
    const other = room.add(0, { build: 'c', presence: { build: 'c' } });
    const brought = room.add(3, { run: { text: '{}', hash: 'mine' }, presence: { run: 'mine' } });
    const taker = room.add(4, { run: { text: '', hash: '' }, presence: { run: '' } });
    await room.settle();
    expect(String(other.failure)).toContain('another version of this page (build b, this tab has c)');
    expect(String(brought.failure)).toContain('This room trains another model on another text: take part again');
    expect(taker.joined).toMatchObject({ peers: [1, 2, 4].map(idOf), run: '{"train":{"globalBatch":64}}' });
    expect(room.peers.get(idOf(1))!.joined).toMatchObject({ peers: [1, 2, 4].map(idOf) });
  });

  it('ignores a stale declaration and teaches its author the newest', async () => {
    const room = await roomOf(2);
    const [a, b] = [...room.peers.values()] as [SimPeer, SimPeer];
    const stale = { number: 0, peers: [b.id], plan: parsePlan({}), paused: true, run: '', runHash: '' };
    b.machine.receive(a.id, {
      t: 'declare',
      declaration: { ...stale, authority: a.id, holds: 0, broken: 0, lost: '', from: 0 },
    });
    await room.settle();
    expectTogether(room, [1, 2].map(idOf));
    expect(inside(room)[1]).toMatchObject({ number: 1, paused: false });
  });

  it('rejects malformed messages and strangers with ProtocolError', async () => {
    const room = await roomOf(1);
    const { machine } = room.peers.get(idOf(1))!;
    expect(() => machine.receive(idOf(9), { t: 'here' })).toThrow('not in this room');
    for (const bad of [null, 7, {}, { t: 'go' }, { t: 'go', number: -1 }, { t: 'ask', plan: { dp: 'x' } }]) {
      expect(() => machine.receive(idOf(1), bad)).toThrow('malformed');
    }
  });

  it('aborts next with the reason of its signal', async () => {
    const room = await roomOf(1);
    const { machine } = room.peers.get(idOf(1))!;
    const controller = new AbortController();
    const next = machine.next(99, controller.signal);
    controller.abort(new Error('stopped by hand'));
    await expect(next).rejects.toThrow('stopped by hand');
  });
});

it('numbers its reports above those of an earlier machine of the same peer, which the authority would keep otherwise', async () => {
  const room = new SimRoom();
  room.add(1);
  const numbers: number[] = [];
  room.add(2, {
    firstReport: 1000,
    send: (_, message) => {
      if (message.t === 'report') numbers.push(message.report.seq);
    },
  });
  await room.settle();
  expect(numbers.length).toBeGreaterThan(0);
  expect(Math.min(...numbers)).toBeGreaterThan(1000);
});
