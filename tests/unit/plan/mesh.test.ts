import { describe, expect, test } from 'vitest';
import { coordOf, embeddingGroups, MEGATRON_ORDER, makeMesh, rankGroups, rankOf } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { meshes } from './helpers';

const groups = (text: string) => text.split(' ').map((group) => group.split(',').map(Number));

describe('rank groups', () => {
  const cube = { tp: 2, dp: 2, pp: 2 };

  test('tp, dp, pp (Megatron)', () => {
    expect(rankGroups(cube, ['tp'], MEGATRON_ORDER)).toEqual(groups('0,1 2,3 4,5 6,7'));
    expect(rankGroups(cube, ['dp'], MEGATRON_ORDER)).toEqual(groups('0,2 1,3 4,6 5,7'));
    expect(rankGroups(cube, ['pp'], MEGATRON_ORDER)).toEqual(groups('0,4 1,5 2,6 3,7'));
    expect(rankGroups(cube, ['tp', 'pp'], MEGATRON_ORDER)).toEqual(groups('0,1,4,5 2,3,6,7'));
    expect(embeddingGroups(parsePlan(cube), MEGATRON_ORDER)).toEqual(groups('0,4 1,5 2,6 3,7'));
  });

  test('tp, pp, dp (ours)', () => {
    expect(rankGroups(cube, ['dp'])).toEqual(groups('0,4 1,5 2,6 3,7'));
    expect(rankGroups(cube, ['pp'])).toEqual(groups('0,2 1,3 4,6 5,7'));
    expect(rankGroups(cube, ['tp', 'pp'])).toEqual(groups('0,1,2,3 4,5,6,7'));
  });

  test('16 ranks, tp 2, pp 4 (Megatron)', () => {
    const sizes = { tp: 2, dp: 2, pp: 4 };
    expect(rankGroups(sizes, ['dp'], MEGATRON_ORDER)).toEqual(groups('0,2 1,3 4,6 5,7 8,10 9,11 12,14 13,15'));
    expect(rankGroups(sizes, ['pp'], MEGATRON_ORDER)).toEqual(groups('0,4,8,12 1,5,9,13 2,6,10,14 3,7,11,15'));
    expect(embeddingGroups(parsePlan(sizes), MEGATRON_ORDER)).toEqual(groups('0,12 1,13 2,14 3,15'));
  });

  test('a V lays both ends of the model on one rank', () => {
    expect(embeddingGroups(parsePlan({ pp: 4, dp: 2, schedule: 'zb-v' }))).toEqual(groups('0 4'));
  });
});

describe('makeMesh', () => {
  test('is consistent from every rank', () => {
    const plan = parsePlan({ dp: 3, pp: 2, tp: 2 });
    for (const mesh of meshes(plan)) {
      expect(mesh.rank).toBe((mesh.coord.dp * 2 + mesh.coord.pp) * 2 + mesh.coord.tp);
      for (const axis of ['dp', 'pp', 'tp'] as const) {
        expect(mesh.ranks(axis)[mesh.coord[axis]]).toBe(mesh.rank);
        expect(rankGroups(plan, [axis])).toContainEqual([...mesh.ranks(axis)]);
      }
      for (const stage of [0, 1]) {
        expect(coordOf(mesh.stageRank(stage), plan)).toEqual({ ...mesh.coord, pp: stage });
      }
    }
  });

  test('coordinates and ranks are inverse in any order', () => {
    const sizes = { dp: 3, pp: 4, tp: 2 };
    for (let rank = 0; rank < 24; rank++) {
      for (const order of [['pp', 'dp', 'tp'], MEGATRON_ORDER] as const) {
        expect(rankOf(coordOf(rank, sizes, order), sizes, order)).toBe(rank);
      }
    }
  });

  test('refuses a room of another size', () => {
    expect(() => makeMesh(1, ['a', 'b', 'c'], 0, parsePlan({ dp: 2 }))).toThrow('= 2 ranks, but there are 3 peers');
    expect(() => makeMesh(1, ['a', 'b'], 2, parsePlan({ dp: 2 }))).toThrow('this is rank 2');
  });
});
