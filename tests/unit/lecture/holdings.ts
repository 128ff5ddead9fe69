import { type Holdings, initialHoldings, type RingRun } from '../../../src/pages/lecture/models/traffic/ring';

/** The holdings after the first `rounds` rounds: a received chunk adds its contributions to the receiver's chunk. */
export function holdingsAfter(run: Pick<RingRun, 'members' | 'kind' | 'hops'>, rounds: number): Holdings {
  const held = initialHoldings(run).map((row) => [...row]);
  for (const { k, from, to, chunk } of run.hops) {
    if (k < rounds) held[to]![chunk]! |= held[from]![chunk]!;
  }
  return held;
}
