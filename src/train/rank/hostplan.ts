/**
 * Planned host memory of a rank beside its buffers on the device: what it holds to exchange, to keep and to write. An
 * upper bound by arithmetic on the plan, so that nothing that grows with the model is left out. The program itself, the
 * text and what the adapter needs are not in it.
 */
import { unitSizes } from '../../model/model';
import { coordOf, makeMesh } from '../../plan/mesh';
import { placeOf, type RankPlace } from '../../plan/place';
import { wiresOf } from '../../plan/plan';
import { sequencesByReplica } from '../../plan/sizes';
import type { RunFile } from '../runfile';
import { STATE_PIECE_FLOATS } from '../state/elements';
import { EXCHANGE_FLOATS } from './rounds';

/** What is exchanged is in memory three times: in the array, in the buffer it is read through, and written through. */
const COPIES = 3;
/** Maximum number of bytes of a state that wait to be written while training goes on: all of a small model's state. */
export const WAITING_BYTES = 64 << 20;
/** Pieces of a state under way between device, ranks and file. */
const PIECES = 8;

/** Bytes by rank, in rank order. */
export function hostPlan({ model, train, plan }: Pick<RunFile, 'model' | 'train' | 'plan'>): readonly number[] {
  const { dp, pp, tp, outer } = plan;
  const rows = sequencesByReplica(train.globalBatch, plan);
  const peers = Array.from({ length: dp * pp * tp }, (_, rank) => `${rank}`);
  return peers.map((_, rank) => {
    const coord = coordOf(rank, plan);
    const units = unitSizes(model, dp, { size: tp, rank: coord.tp });
    const place = placeOf(plan, makeMesh(0, peers, rank, plan), units);
    const sizes = place.mine.map((unit) => units[unit]!.paramFloats);
    const all = sizes.reduce((sum, floats) => sum + floats, 0);
    const largest = Math.max(...sizes);
    const border = rows[coord.dp]! * model.context * model.dim;
    const floats =
      COPIES * exchanged(place, all, largest, wiresOf(plan).reduce !== 'f32') +
      // microbatches that are added on the host (docs/decisions/008)
      (place.zero >= 2 && plan.microbatches > 1 ? all : 0) +
      (pp > 1 ? COPIES * 2 * plan.microbatches * border : 0) +
      (tp > 1 ? COPIES * border : 0) +
      COPIES * tables(place) +
      // outer parameters and momentum, now and before the newest outer step, the replica's own, and a unit under way
      (outer && dp > 1 ? 5 * all + 4 * largest : 0) +
      COPIES * PIECES * STATE_PIECE_FLOATS;
    return 4 * floats + Math.min(WAITING_BYTES, 12 * all);
  });
}

/** Floats of REDUCE and GATHER under way. */
function exchanged({ plan, zero }: RankPlace, all: number, largest: number, isCoded: boolean): number {
  if (plan.dp === 1) return 0;
  const most = Math.min(2 * all, EXCHANGE_FLOATS);
  return isCoded || zero >= 2 ? Math.max(most, largest) : most;
}

/** Floats of a tied table under way between its two ends. With zero 3 its working buffer is read at once. */
function tables({ tie, mine, zero, units }: RankPlace): number {
  if (!tie || (!mine.includes(tie.table) && !mine.includes(tie.reader))) return 0;
  return zero === 3 ? units[tie.reader]!.table!.floats : 2 * STATE_PIECE_FLOATS;
}
