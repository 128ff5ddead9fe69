/** Which peers of a generation a rank needs a link to: everybody in a small room, ring neighbours in a large one. */
import { makeMesh, type PeerId } from '../plan/mesh';
import type { Axis, ParallelPlan } from '../plan/plan';

/** Up to this many peers everybody is linked to everybody; above it collectives must take the ring form. */
export const FULL_MESH_PEERS = 12;

const AXES: readonly Axis[] = ['dp', 'pp', 'tp'];

/** The peers `self` needs a link to, itself left out. Empty when `self` is not a member. */
export function partnersOf(peers: readonly PeerId[], plan: ParallelPlan, self: PeerId): readonly PeerId[] {
  const rank = peers.indexOf(self);
  if (rank < 0) return [];
  if (peers.length <= FULL_MESH_PEERS) return peers.filter((peer) => peer !== self);
  const mesh = makeMesh(0, peers, rank, plan);
  // The ring of the whole room carries the NORM exchange; that of `pp` is also the pipeline and its wrap-around.
  const rings = [peers.map((_, index) => index), ...AXES.map((axis) => mesh.ranks(axis))];
  const neighbours = rings.flatMap((ring) => {
    const at = ring.indexOf(rank);
    return [ring[(at + 1) % ring.length]!, ring[(at + ring.length - 1) % ring.length]!];
  });
  return [...new Set(neighbours)].filter((other) => other !== rank).map((other) => peers[other]!);
}
