/**
 * Copies of what only one rank holds (a stage, a split, a shard), so that no part of the model is lost when a tab dies.
 * From time to time each rank keeps its own state and that of a buddy, both of one step. If parts of the newest state
 * are lost, the room goes back to that step (sync.ts). Bamboo and Gemini keep such copies; see docs/decisions/012.
 */
import type { ModelConfig } from '../../model/config';
import { type CutState, holdingUnder, laid } from './sync';
import { addressesOf, type Circuit, move } from './transfer';

/**
 * The rank whose state rank `rank` of `size` keeps a copy of: half way around. Tabs that were opened one after the
 * other, perhaps in one browser, are neighbours and may be lost together.
 */
export function buddyOf(rank: number, size: number): number {
  return (rank + Math.ceil(size / 2)) % size;
}

/** This rank's state and its buddy's, of the same step. `mine` must not change any more. All ranks must call it. */
export async function mirror(circuit: Circuit, config: ModelConfig, mine: CutState): Promise<readonly CutState[]> {
  const { mesh } = circuit;
  const { step, generation } = mine;
  // why without the outer part of DiLoCo: it begins anew from the copied parameters
  const { param, mean, square } = mine.state;
  const own: CutState = { ...mine, state: { param, mean, square } };
  const { plan } = mine.cutting;
  const size = mesh.peers.length;
  const has = mesh.peers.map((_, rank) => addressesOf(holdingUnder(config, { plan, rank })));
  const needs = mesh.peers.map((_, rank) => has[buddyOf(rank, size)]!);
  const cutting = { plan, rank: buddyOf(mesh.rank, size) };
  const target = holdingUnder(config, cutting);
  const state = await move(circuit, has, needs, [laid(config, own)], target, `${step}/mirror`);
  return [own, { step, generation, cutting, state }];
}
