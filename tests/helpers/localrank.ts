/**
 * A RankModel of replicas that train apart (DiLoCo) on plain numbers: the real outer steps, groups and ballots in the order of
 * the executor's lines; a replica's own step adds a made-up function to its parameters.
 */
import type { Instance } from '../../src/model/instance';
import { makeGroup } from '../../src/net/collective/group';
import type { Transport } from '../../src/net/wire/transport';
import { fragmentOf, outerAt } from '../../src/plan/outer';
import { replicaShares } from '../../src/plan/shares';
import { packBallot, readBallots } from '../../src/train/rank/ballot';
import { type Cluster, Codings } from '../../src/train/rank/cluster';
import { OuterSteps } from '../../src/train/rank/outersteps';
import type { MakeRank, RankModel } from '../../src/train/rank/rankcontract';
import { holdingOf } from '../../src/train/state/holding';
import { emptyState } from '../../src/train/state/state';
import type { MemoryTransport } from './memory';
import type { Records } from './outerturns';
import { plainRanks } from './plainrank';

/** A point of a step, or the `nth` message of it with a text in its tag. */
export interface Kill {
  readonly step: number;
  readonly where?: string;
  readonly message?: string;
  readonly nth?: number;
}

/** A transport that dies as `kill` says, and what the rank calls at its points. */
export function watched(plain: MemoryTransport, kill: Kill, die: () => void) {
  let [sent, isDead] = [0, false];
  const strike = () => {
    if (!isDead) die();
    isDead = true;
  };
  const send: Transport['send'] = (to, tag, payload) => {
    const isOf = kill.message !== undefined && tag.split('/')[1] === `${kill.step}` && tag.includes(kill.message);
    if (isOf && ++sent === kill.nth) strike();
    return plain.send(to, tag, payload);
  };
  const transport = new Proxy(plain, {
    get: (target, name) => {
      if (name === 'send') return send;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { transport, at: (where: string, step: number) => where === kill.where && step === kill.step && strike() };
}

export function localRanks(
  records: Records,
  steps: number,
  at: (where: string, step: number) => void = () => {},
): MakeRank {
  const plain = plainRanks();
  return async (setting) => {
    const { run, plan, mesh, transport, signal, trace } = setting;
    const state = emptyState(holdingOf(run.model, plan, mesh));
    const param = state.param as Map<number, Float32Array>;
    const here = [...param.keys()];
    const ranks = mesh.peers.map((_, rank) => rank);
    const group = makeGroup(transport, mesh, 'dp', ranks, signal);
    const codings = { reduce: new Codings(undefined, false), outer: new Codings(undefined, false) };
    const cluster: Cluster = { mesh, transport, dp: group, tp: group, world: group, signal, trace, codings };
    const device = {
      here,
      units: here,
      whole: (_: string, unit: number) => ({ unit, floats: param.get(unit)!.length }),
      stream: {
        read: async ({ unit }: { unit: number }) => param.get(unit)!.slice(),
        write: ({ unit }: { unit: number }, values: Float32Array) => param.set(unit, values.slice()),
      },
    };
    const outer = new OuterSteps(device as unknown as Instance, cluster, plan.outer!);
    const pass = () => new Promise((resolve) => setImmediate(resolve));
    let passes = 0;

    const record = (step: number) => {
      const all = (kind: 'anchor' | 'momentum') => here.map((unit) => outer.array(kind, unit).slice());
      if (outer.isActive) records.set(step, { anchor: all('anchor'), momentum: all('momentum') });
    };

    const runStep: RankModel['runStep'] = async ({ step, vote }) => {
      await pass();
      at('compute', step);
      const moment = outerAt(plan.outer!, step, steps);
      // as F of each unit does
      await outer.made();
      if (!moment.exact && !outer.isActive) await outer.begin(step);
      record(step);
      const share = moment.exact ? 0 : replicaShares(run.train.globalBatch, plan)[mesh.coord.dp]!;
      const mine = { loss: 1, sumsq: here.map(() => 1), samples: outer.samplesAfter(share), vote: vote() };
      const said = await group.exchange(packBallot(mine), `${mesh.generation}/${step}/NORM`);
      const ballots = readBallots(said, here.length, outer.fragments);
      outer.commit(ballots, step);
      at('voted', step);
      // replicas move by different amounts once they train apart
      const own = moment.exact ? 0 : 1 + Number(transport.self.slice(1));
      for (const [unit, array] of param)
        for (let i = 0; i < array.length; i++) array[i]! += 0.01 * Math.sin(step + unit + i + 3 * own);
      at('stepped', step);
      for (const unit of here) {
        const fragment = fragmentOf(unit, here.length, plan.outer!);
        const [isTaken, isUsed] = [moment.takes.includes(fragment), moment.uses.includes(fragment)];
        const part = moment.isWhole ? 'whole' : isTaken && isUsed ? undefined : isUsed ? 'use' : 'take';
        if (isTaken || isUsed)
          void outer.start({ op: 'OUTER', unit, ...(part && { part }) }, `${mesh.generation}/${step}/OUTER ${unit}`);
      }
      if (moment.uses.length > 0) outer.turn();
      at('outer', step);
      return { loss: 1, gradNorm: 1, votes: ballots.map((ballot) => ballot.vote) };
    };

    return {
      ...(await plain(setting)),
      runStep,
      read: async () => {
        await outer.made().catch(() => undefined);
        return outer.complete(structuredClone(state));
      },
      write: async (given) => {
        for (const kind of ['param', 'mean', 'square'] as const) {
          for (const [unit, values] of given[kind])
            (state[kind] as Map<number, Float32Array>).set(unit, values.slice());
        }
        outer.load(given);
      },
      outerFacts: () => outer.facts(),
      bringTogether: async (step, fragments) => {
        if (!outer.isActive) return;
        const name = `${mesh.generation}/0/~together${passes++}`;
        await outer.count(step, `${name}/count`);
        for (const unit of outer.dueOf(fragments))
          void outer.start({ op: 'OUTER', unit, part: 'whole' }, `${name}/${unit}`);
        outer.turn();
        await outer.made();
      },
      close: () => {
        if (records.has(steps - 1)) record(steps);
      },
    };
  };
}
