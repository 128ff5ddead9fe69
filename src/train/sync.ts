/**
 * State between generations: who is ahead, and the transfers that give every rank its part under the new plan. A joiner
 * and a rank that is a step behind take the newest state; where nobody has any, all start from the seed.
 */
import { InputError } from '../errors';
import type { ModelConfig } from '../model/model';
import type { Transport } from '../net/transport';
import { type Mesh, makeMesh } from '../plan/mesh';
import type { ParallelPlan } from '../plan/plan';
import type { Announcement, Cutting } from './exchange';
import { receiveBytes, sendBytes } from './exchange';
import { type Holding, holdingOf, type Part } from './holding';
import { intersect, sizeOf } from './intervals';
import { type Addresses, NOTHING, type Transfer, transfersOf } from './reshard';
import { emptyState, initialState, type RankState, readRuns, type UnitArrays, writeRuns } from './state';

/** A rank's state and how it is cut. */
export interface CutState {
  /** Committed steps. */
  readonly step: number;
  readonly cutting: Cutting;
  readonly state: RankState;
}

/** The generation's network, as transfers need it. */
export interface Circuit {
  readonly transport: Transport;
  readonly mesh: Mesh;
  readonly signal: AbortSignal;
}

/** What the rank `cutting.rank` of `cutting.plan` holds. */
export function holdingUnder(config: ModelConfig, { plan, rank }: Cutting): Holding {
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, peer) => `${peer}`);
  return holdingOf(config, plan, makeMesh(0, peers, rank, plan));
}

function addressesOf({ param, moment }: Holding): Addresses {
  return { param: param.held, moment: moment.held };
}

/**
 * This rank's state under `plan`, at the newest step that anybody has. `mine` is what it had before. Every rank of the
 * circuit calls it with the same announcements. Throws InputError when parts of the model are on nobody.
 */
export async function syncState(
  circuit: Circuit,
  config: ModelConfig,
  seed: number,
  plan: ParallelPlan,
  announcements: readonly Announcement[],
  mine: CutState | null,
): Promise<CutState> {
  const { mesh } = circuit;
  const cutting = { plan, rank: mesh.rank };
  const newest = Math.max(...announcements.map(({ step }) => step));
  if (newest < 0) return { step: 0, cutting, state: initialState(config, seed, holdingOf(config, plan, mesh)) };
  checkOrigins(announcements, newest);
  const has = announcements.map(({ step, cutting: held }) =>
    step === newest && held ? addressesOf(holdingUnder(config, held)) : NOTHING,
  );
  const needs = mesh.peers.map((_, rank) => addressesOf(holdingUnder(config, { plan, rank })));
  const source = mine?.step === newest ? mine : null;
  const target = holdingUnder(config, cutting);
  const state = await move(circuit, has, needs, source && laid(config, source), target, `${newest}/sync`);
  return { step: newest, cutting, state };
}

/** Two peers that would start from different weights cannot train together. */
function checkOrigins(announcements: readonly Announcement[], newest: number): void {
  const origins = new Set(announcements.filter(({ step }) => step === newest && newest === 0).map(({ init }) => init));
  if (origins.size > 1) {
    throw new InputError('peers brought different starting weights; give the same file to all, or to one of them');
  }
}

/** Every parameter by address on the ranks `wanting`, null on others, from states that lie as their one plan cuts them. */
export async function gatherWeights(
  circuit: Circuit,
  config: ModelConfig,
  mine: CutState,
  wanting: readonly number[],
): Promise<Float32Array | null> {
  return gather(circuit, config, mine, ({ param }) => param, wanting, `${mine.step}/files`);
}

/** As gatherWeights: the gradients of the newest step, which lie on the ranks as moments do. */
export async function gatherGradients(
  circuit: Circuit,
  config: ModelConfig,
  mine: Omit<CutState, 'state'> & { readonly gradients: UnitArrays },
  wanting: readonly number[],
): Promise<Float32Array | null> {
  const state = { param: mine.gradients, mean: NO_ARRAYS, square: NO_ARRAYS };
  return gather(circuit, config, { ...mine, state }, ({ moment }) => moment, wanting, `${mine.step}/gradients`);
}

/** What `partOf` every rank holds of the model, as `state.param` has it, by address on the ranks `wanting`. */
async function gather(
  circuit: Circuit,
  config: ModelConfig,
  { cutting: { plan }, state }: Pick<CutState, 'cutting' | 'state'>,
  partOf: (holding: Holding) => Part,
  wanting: readonly number[],
  tag: string,
): Promise<Float32Array | null> {
  const { mesh } = circuit;
  const { param: whole } = holdingUnder(config, SINGLE);
  const partsOf = (rank: number): Holding => ({ param: partOf(holdingUnder(config, { plan, rank })), moment: NO_PART });
  const has = mesh.peers.map((_, rank) => addressesOf(partsOf(rank)));
  const needs = mesh.peers.map((_, rank) => (wanting.includes(rank) ? { param: whole.held, moment: [] } : NOTHING));
  const target = { param: wanting.includes(mesh.rank) ? whole : NO_PART, moment: NO_PART };
  const gathered = await move(circuit, has, needs, { state, holding: partsOf(mesh.rank) }, target, tag);
  return target.param === whole ? readRuns(gathered.param, whole, whole.held) : null;
}

/** A state and what of the model it is. */
interface Laid {
  readonly state: RankState;
  readonly holding: Holding;
}

const laid = (config: ModelConfig, { state, cutting }: CutState): Laid => ({
  state,
  holding: holdingUnder(config, cutting),
});
const NO_ARRAYS: UnitArrays = new Map();

const NO_PART: Part = { lengths: new Map(), spans: [], held: [] };

/** The state a safetensors file gives: the whole model on one rank, before the first step. */
export function stateFromWeights(config: ModelConfig, weights: Float32Array): CutState {
  const holding = holdingUnder(config, SINGLE);
  const state = emptyState(holding);
  writeRuns(state.param, holding.param, holding.param.held, weights);
  return { step: 0, cutting: SINGLE, state };
}

const SINGLE_PLAN: ParallelPlan = {
  dp: 1,
  pp: 1,
  tp: 1,
  zero: 0,
  schedule: '1f1b',
  chunks: 1,
  microbatches: 1,
  recompute: false,
  wire: 'f32',
};

/** A rank that holds the whole model. */
export const SINGLE: Cutting = { plan: SINGLE_PLAN, rank: 0 };

/** Run the transfers from `has` to `needs`; the result lies as `target` says. `tag` is `step/purpose`. */
async function move(
  circuit: Circuit,
  has: readonly Addresses[],
  needs: readonly Addresses[],
  mine: Laid | null,
  target: Holding,
  tag: string,
): Promise<RankState> {
  const { mesh, transport, signal } = circuit;
  const state = emptyState(target);
  if (mine) copyOwn(mine.state, mine.holding, state, target);
  const prefix = `${mesh.generation}/${tag}`;
  const transfers = transfersOf(has, needs);
  const sends = transfers.filter(({ from }) => from === mesh.rank);
  const receives = transfers.filter(({ to }) => to === mesh.rank);
  await Promise.all([
    ...sends.map(async (transfer) => {
      const bytes = pack(mine!.state, mine!.holding, transfer);
      await sendBytes(transport, mesh, transfer.to, bytes, prefix);
    }),
    ...receives.map(async (transfer) => {
      const floats = sizeOf(transfer.param) + 2 * sizeOf(transfer.moment);
      const bytes = await receiveBytes(transport, mesh, transfer.from, 4 * floats, prefix, signal);
      unpack(state, target, transfer, new Float32Array(bytes.buffer));
    }),
  ]);
  return state;
}

const KINDS = [
  ['param', 'param'],
  ['mean', 'moment'],
  ['square', 'moment'],
] as const;

function copyOwn(from: RankState, source: Holding, to: RankState, target: Holding): void {
  for (const [array, kind] of KINDS) {
    const both = intersect(source[kind].held, target[kind].held);
    writeRuns(to[array], target[kind], both, readRuns(from[array], source[kind], both));
  }
}

/** Parameters, means and squares of a transfer as one run of bytes. */
function pack(state: RankState, holding: Holding, transfer: Transfer): Uint8Array {
  const parts = KINDS.map(([array, kind]) => readRuns(state[array], holding[kind], transfer[kind]));
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(all.buffer);
}

function unpack(state: RankState, holding: Holding, transfer: Transfer, values: Float32Array): void {
  let at = 0;
  for (const [array, kind] of KINDS) {
    const floats = sizeOf(transfer[kind]);
    writeRuns(state[array], holding[kind], transfer[kind], values.subarray(at, at + floats));
    at += floats;
  }
}
