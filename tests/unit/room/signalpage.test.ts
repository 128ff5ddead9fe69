import { describe, expect, it } from 'vitest';
import { fitReplicas } from '../../../src/net/membership/election';
import type { MembershipOptions } from '../../../src/net/membership/roommembership';
import { parsePlan } from '../../../src/plan/plan';
import { idOf, RUN, SimRoom } from '../../helpers/simroom';

describe('a signal page', () => {
  const host = { presence: { state: 'observer', signal: true, run: '' }, run: { text: '', hash: '' } } as const;
  const joiner = { presence: { run: '' }, run: { text: '', hash: '' } } as const;
  const begin = { text: '{"train":{"globalBatch":64}}', hash: 'lesson', plan: parsePlan({}) };
  const lesson = async (tabs: number, options: Partial<MembershipOptions> = {}) => {
    const room = new SimRoom();
    const page = room.add(9, { ...host, ...options });
    for (let n = 1; n <= tabs; n++) room.add(n, { ...joiner, ...options });
    await room.settle();
    return { room, page, members: () => room.peers.get(idOf(1))!.joined };
  };

  it('starts the run for all who are willing, and a joiner is let in', async () => {
    const { room, page, members } = await lesson(3);
    expect(members()).toBeUndefined();
    expect(room.peers.get(idOf(1))!.machine.describe()).toBe('Waiting for the lecturer to start.');
    page.machine.ask({ run: begin });
    await room.settle();
    expect(members()).toMatchObject({ peers: [1, 2, 3].map(idOf), plan: { dp: 3 }, run: begin.text });
    room.add(4, joiner);
    await room.settle();
    expect(members()!.peers).toEqual([1, 2, 3, 4].map(idOf));
  });

  it('takes the run of a peer that brought one', async () => {
    const room = new SimRoom();
    room.add(9, host);
    room.add(1);
    await room.settle();
    expect(room.peers.get(idOf(1))!.joined).toMatchObject({ peers: [idOf(1)], run: RUN.text });
  });

  it('replaces the run that is trained', async () => {
    const { room, page, members } = await lesson(2);
    page.machine.ask({ run: begin });
    await room.settle();
    const text = '{"train":{"globalBatch":64,"steps":7}}';
    page.machine.ask({ run: { ...begin, text, hash: 'second' } });
    await room.settle();
    expect(members()).toMatchObject({ peers: [1, 2].map(idOf), run: text });
  });

  it('has exactly the plan it wants, the rest in reserve, and a reserve takes a dead one', async () => {
    const { room, page, members } = await lesson(4);
    page.machine.ask({ run: begin });
    await room.settle();
    page.machine.ask({ wanted: parsePlan({ dp: 1, pp: 2, microbatches: 4 }) });
    await room.settle();
    expect(members()).toMatchObject({ plan: { dp: 1, pp: 2 }, peers: [1, 2].map(idOf) });
    expect(room.peers.get(idOf(3))!.machine.describe()).toBe('The plan uses 2 tabs; this one is in reserve.');
    room.kill(idOf(2));
    await room.settle();
    expect(members()).toMatchObject({ plan: { dp: 1, pp: 2 }, peers: [1, 3].map(idOf) });
    room.kill(idOf(3));
    room.kill(idOf(4));
    await room.settle();
    expect(page.machine.newest.peers).toEqual([]);
    expect(room.peers.get(idOf(1))!.machine.describe()).toBe('The plan cuts the model over 2 tabs and 1 are here.');
    room.add(5, joiner);
    await room.settle();
    expect(members()).toMatchObject({ plan: { dp: 1, pp: 2 }, peers: [1, 5].map(idOf) });
  });

  it('goes on with fewer tabs only after all of them hold all of the model', async () => {
    const { room, page } = await lesson(4);
    const tab = room.peers.get(idOf(1))!;
    const all = [1, 2, 3, 4].map(idOf);
    const plans = (count: number) =>
      tab.history.slice(-count).map(({ plan: { dp, pp, zero }, peers }) => ({ dp, pp, zero, peers }));
    const ask = async (wanted: object) => {
      page.machine.ask({ wanted: parsePlan(wanted) });
      await room.settle();
    };
    page.machine.ask({ run: begin });
    await room.settle();
    await ask({ dp: 2, pp: 2, microbatches: 4 });
    await ask({});
    expect(plans(3)).toEqual([
      { dp: 2, pp: 2, zero: 0, peers: all },
      { dp: 4, pp: 1, zero: 0, peers: all },
      { dp: 1, pp: 1, zero: 0, peers: [idOf(1)] },
    ]);
    // one tab holds everything, and so do replicas: nothing has to be carried
    await ask({ dp: 4 });
    await ask({ dp: 2 });
    expect(plans(2)).toEqual([
      { dp: 4, pp: 1, zero: 0, peers: all },
      { dp: 2, pp: 1, zero: 0, peers: all.slice(0, 2) },
    ]);
    // the same when the room pauses between the two plans
    await ask({ dp: 4, zero: 1 });
    page.machine.ask({ paused: true });
    await room.settle();
    await ask({});
    page.machine.ask({ paused: false });
    await room.settle();
    expect(plans(2)).toEqual([
      { dp: 4, pp: 1, zero: 0, peers: all },
      { dp: 1, pp: 1, zero: 0, peers: [idOf(1)] },
    ]);
  });

  it('shares a cut model among no more tabs than could train as replicas, so that it can always be carried on', async () => {
    const { room, page } = await lesson(6, { fit: (count, plan) => fitReplicas(count, plan, 4) });
    const tab = room.peers.get(idOf(1))!;
    page.machine.ask({ run: begin });
    await room.settle();
    for (const wanted of [{ tp: 2, dp: 3 }, {}]) {
      page.machine.ask({ wanted: parsePlan(wanted) });
      await room.settle();
    }
    expect(tab.history.slice(-3)).toMatchObject([
      { plan: { dp: 2, tp: 2 }, peers: [1, 2, 3, 4].map(idOf) },
      { plan: { dp: 4, tp: 1 }, peers: [1, 2, 3, 4].map(idOf) },
      { plan: { dp: 1, tp: 1 }, peers: [idOf(1)] },
    ]);
  });

  it('after a death those who are left hold all of the model before fewer of them go on', async () => {
    const { room, page } = await lesson(4);
    const tab = room.peers.get(idOf(1))!;
    page.machine.ask({ run: begin });
    await room.settle();
    page.machine.ask({ wanted: parsePlan({ pp: 4, microbatches: 4 }) });
    await room.settle();
    room.kill(idOf(2));
    await room.settle();
    expect(tab.machine.newest.peers).toEqual([]);
    page.machine.ask({ wanted: parsePlan({}) });
    await room.settle();
    expect(tab.history.slice(-2)).toMatchObject([
      { plan: { dp: 3, pp: 1 }, peers: [1, 3, 4].map(idOf) },
      { plan: { dp: 1, pp: 1 }, peers: [idOf(1)] },
    ]);
  });

  it('lets one step run and pauses again', async () => {
    const { room, page, members } = await lesson(2);
    page.machine.ask({ run: begin });
    page.machine.ask({ paused: true });
    await room.settle();
    expect(members()).toMatchObject({ paused: true });
    page.machine.ask({ steps: 1 });
    await room.settle();
    const { history } = room.peers.get(idOf(1))!;
    expect(history.slice(-2)).toMatchObject([{ paused: false, steps: 1 }, { paused: true }]);
    expect(history.at(-1)!.steps).toBeUndefined();
  });

  it('locks the room, removes a peer, and alone is obeyed while it is open', async () => {
    const { room, page, members } = await lesson(3);
    page.machine.ask({ run: begin });
    page.machine.ask({ locked: true });
    await room.settle();
    room.add(4, joiner);
    await room.settle();
    expect(members()!.peers).toEqual([1, 2, 3].map(idOf));
    expect(room.peers.get(idOf(4))!.machine.describe()).toBe('The lecturer has locked this room.');
    const student = room.peers.get(idOf(2))!.machine;
    student.ask({ paused: true });
    student.ask({ remove: idOf(1) });
    student.ask({ locked: false });
    student.ask({ run: { ...begin, text: '{}', hash: 'mine' } });
    await room.settle();
    expect(members()).toMatchObject({ paused: false, peers: [1, 2, 3].map(idOf), run: begin.text });
    page.machine.ask({ remove: idOf(2) });
    await room.settle();
    expect(members()!.peers).toEqual([1, 3].map(idOf));
    page.machine.ask({ locked: false });
    await room.settle();
    expect(members()!.peers).toEqual([1, 3, 4].map(idOf));
  });
});
