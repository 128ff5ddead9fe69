import { describe, expect, test } from 'vitest';
import { coordOf, makeMesh, rankOf } from '../../../src/plan/mesh';
import { type Axis, parsePlan } from '../../../src/plan/plan';
import { meshes } from './helpers';

/** Every group along an axis, as the meshes of all ranks say it; a string names the ranks of one group. */
function groupsOf(sizes: Readonly<Record<Axis, number>>, axis: Axis): string {
  return [...new Set(meshes(parsePlan(sizes)).map((mesh) => mesh.ranks(axis).join()))].join(' ');
}

test('tp varies fastest, then pp, then dp', () => {
  const cube = { tp: 2, dp: 2, pp: 2 };
  expect(groupsOf(cube, 'tp')).toBe('0,1 2,3 4,5 6,7');
  expect(groupsOf(cube, 'pp')).toBe('0,2 1,3 4,6 5,7');
  expect(groupsOf(cube, 'dp')).toBe('0,4 1,5 2,6 3,7');
  const sizes = { tp: 2, dp: 2, pp: 4 };
  expect(groupsOf(sizes, 'pp')).toBe('0,2,4,6 1,3,5,7 8,10,12,14 9,11,13,15');
  expect(groupsOf(sizes, 'dp')).toBe('0,8 1,9 2,10 3,11 4,12 5,13 6,14 7,15');
});

test('a V lays both ends of the model on one rank', () => {
  for (const mesh of meshes(parsePlan({ pp: 4, dp: 2, schedule: 'zb-v' }))) {
    expect(mesh.stageRank(0)).toBe(mesh.stageRank(7));
    expect(mesh.stageRank(3)).toBe(mesh.stageRank(4));
  }
});

describe('makeMesh', () => {
  test('is consistent from every rank', () => {
    const plan = parsePlan({ dp: 3, pp: 2, tp: 2 });
    for (const mesh of meshes(plan)) {
      expect(mesh.rank).toBe((mesh.coord.dp * 2 + mesh.coord.pp) * 2 + mesh.coord.tp);
      for (const axis of ['dp', 'pp', 'tp'] as const) {
        expect(mesh.ranks(axis)[mesh.coord[axis]]).toBe(mesh.rank);
      }
      for (const stage of [0, 1]) {
        expect(coordOf(mesh.stageRank(stage), plan)).toEqual({ ...mesh.coord, pp: stage });
      }
    }
  });

  test('coordinates and ranks are inverse', () => {
    const sizes = { dp: 3, pp: 4, tp: 2 };
    for (let rank = 0; rank < 24; rank++) expect(rankOf(coordOf(rank, sizes), sizes)).toBe(rank);
  });

  test('refuses a room of another size', () => {
    expect(() => makeMesh(1, ['a', 'b', 'c'], 0, parsePlan({ dp: 2 }))).toThrow('= 2 ranks, but there are 3 peers');
    expect(() => makeMesh(1, ['a', 'b'], 2, parsePlan({ dp: 2 }))).toThrow('this is rank 2');
  });
});
