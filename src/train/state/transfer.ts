/**
 * Moves elements of the model between the ranks of a generation: from the states they hold, however these are cut, to a
 * state with the requested layout. reshard.ts says who sends what.
 */
import type { Transport } from '../../net/wire/transport';
import type { Mesh } from '../../plan/mesh';
import { receiveBytes, sendBytes } from './exchange';
import type { Holding, Part } from './holding';
import { type Intervals, intersect, sizeOf, subtract } from './intervals';
import { type Addresses, type Transfer, transfersOf } from './reshard';
import { emptyState, type RankState, readRuns, writeRuns } from './state';

/** The generation's network, as transfers need it. */
export interface Circuit {
  readonly transport: Transport;
  readonly mesh: Mesh;
  readonly signal: AbortSignal;
}

/** A state and the holding that says which elements of the model it has. */
export interface Laid {
  readonly state: RankState;
  readonly holding: Holding;
}

/** The arrays of a state and the part of a holding that says where their elements lie. */
export const KINDS = [
  ['param', 'param'],
  ['mean', 'moment'],
  ['square', 'moment'],
] as const;

export function addressesOf({ param, moment }: Holding): Addresses {
  return { param: param.held, moment: moment.held };
}

/**
 * Returns a state laid out as `target`. By rank, `has` is what each rank holds in all its states together, and `needs`
 * is what it shall hold. `mine` are this rank's states, of one step. All ranks must call it; `tag` is `step/purpose`.
 * Throws InputError if no rank has an element.
 */
export async function move(
  circuit: Circuit,
  has: readonly Addresses[],
  needs: readonly Addresses[],
  mine: readonly Laid[],
  target: Holding,
  tag: string,
): Promise<RankState> {
  const { mesh, transport, signal } = circuit;
  const transfers = transfersOf(has, needs);
  const state = emptyState(target);
  for (const [array, kind] of KINDS) {
    for (const { state: from, holding } of mine) {
      const both = intersect(holding[kind].held, target[kind].held);
      writeRuns(state[array], target[kind], both, readRuns(from[array], holding[kind], both));
    }
  }
  const prefix = `${mesh.generation}/${tag}`;
  const sends = transfers.filter(({ from }) => from === mesh.rank);
  const receives = transfers.filter(({ to }) => to === mesh.rank);
  await Promise.all([
    ...sends.map((transfer) => sendBytes(transport, mesh.peers[transfer.to]!, pack(mine, transfer), prefix)),
    ...receives.map(async (transfer) => {
      const floats = sizeOf(transfer.param) + 2 * sizeOf(transfer.moment);
      const bytes = await receiveBytes(transport, mesh.peers[transfer.from]!, 4 * floats, prefix, signal);
      unpack(state, target, transfer, new Float32Array(bytes.buffer));
    }),
  ]);
  return state;
}

/** Parameters, means and squares of a transfer, one after the other in one array of bytes. */
function pack(mine: readonly Laid[], transfer: Transfer): Uint8Array {
  const parts = KINDS.map(([array, kind]) => collect(mine, array, kind, transfer[kind]));
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(all.buffer);
}

/** The elements `wanted`, one run after the other, each from the first of `mine` that has it. */
function collect(
  mine: readonly Laid[],
  array: (typeof KINDS)[number][0],
  kind: keyof Holding,
  wanted: Intervals,
): Float32Array {
  const values = new Float32Array(sizeOf(wanted));
  const flat = runsOf(wanted, values.length);
  let missing = wanted;
  for (const { state, holding } of mine) {
    const given = intersect(missing, holding[kind].held);
    writeRuns(new Map([[0, values]]), flat, given, readRuns(state[array], holding[kind], given));
    missing = subtract(missing, given);
  }
  return values;
}

/** The layout in which the runs `wanted` follow one another in one array. */
function runsOf(wanted: Intervals, floats: number): Part {
  let local = 0;
  const spans = wanted.map(({ from, to }) => {
    const span = { unit: 0, local, at: from, floats: to - from };
    local += span.floats;
    return span;
  });
  return { lengths: new Map([[0, floats]]), spans, held: wanted };
}

function unpack(state: RankState, holding: Holding, transfer: Transfer, values: Float32Array): void {
  let at = 0;
  for (const [array, kind] of KINDS) {
    const floats = sizeOf(transfer[kind]);
    writeRuns(state[array], holding[kind], transfer[kind], values.subarray(at, at + floats));
    at += floats;
  }
}
