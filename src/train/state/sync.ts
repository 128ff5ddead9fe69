/**
 * State between generations: which step the room continues from, and the transfers that give every rank its part under
 * the new plan. A rank that joins or is a step behind takes the newest state. If parts of it were lost with a peer, all
 * ranks go back to the newest complete step (mirror.ts). If no rank has a state, all start from the seed.
 */
import { InputError, PartsGone } from '../../errors';
import type { ModelConfig } from '../../model/config';
import { makeMesh } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import { type Announcement, type Claim, type Cutting, MAX_STATES, type Version } from './exchange';
import { type Holding, holdingOf, NO_PART, type Part } from './holding';
import { union } from './intervals';
import { type Addresses, isCovered, NOTHING } from './reshard';
import { emptyState, type RankState, readRuns, type UnitArrays, writeRuns } from './state';
import { addressesOf, type Circuit, type Laid, move } from './transfer';

/** A rank's state and how it is cut. */
export interface CutState extends Version {
  readonly cutting: Cutting;
  readonly state: RankState;
}

/** The state that a rank begins a generation with. */
export interface Start extends Version {
  readonly cutting: Cutting;
  /** Null for the seed's state. */
  readonly state: RankState | null;
}

/** A state as its rank announces it. */
export function claimOf({ step, generation, cutting, state }: CutState): Claim {
  return { step, generation, cutting, ...(state.outer && { outer: state.outer.made }) };
}

/** Plans and versions of which a rank holds states: those that MAX_STATES counts, and two for generations that broke. */
const MOST_KINDS = 6;

/**
 * Remove duplicates of a version and cut from `states` (newest first). Keep those of at most MOST_KINDS plans and
 * versions, because each may be as large as the model, and at most MAX_STATES, which is what a rank may announce.
 */
export function keepNewest(states: readonly CutState[]): readonly CutState[] {
  const names = states.map((state) => JSON.stringify(claimOf(state)));
  const kinds = states.map(({ step, generation, cutting }) => JSON.stringify([step, generation, cutting.plan]));
  const kept = new Set([...new Set(kinds)].slice(0, MOST_KINDS));
  return states.filter((_, at) => names.indexOf(names[at]!) === at && kept.has(kinds[at]!)).slice(0, MAX_STATES);
}

/** What the rank `cutting.rank` of `cutting.plan` holds. */
export function holdingUnder(config: ModelConfig, { plan, rank }: Cutting): Holding {
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, peer) => `${peer}`);
  return holdingOf(config, plan, makeMesh(0, peers, rank, plan));
}

export const laid = (config: ModelConfig, { state, cutting }: CutState): Laid => ({
  state,
  holding: holdingUnder(config, cutting),
});

/**
 * This rank's state under `plan`: the newest version of which the ranks have all parts. Without one it is the seed's
 * state, if the run began from the seed and no rank is past its first mirror. `mine` are the states this rank had
 * before. Every rank of the circuit calls it with the same announcements. Throws PartsGone if no version is complete.
 */
export async function syncState(
  circuit: Circuit,
  config: ModelConfig,
  plan: ParallelPlan,
  announcements: readonly Announcement[],
  mine: readonly CutState[],
): Promise<Start> {
  const { mesh } = circuit;
  const cutting = { plan, rank: mesh.rank };
  const isYoung = announcements.every(({ held }) => held.length === 0 || held.some(isOfSeed));
  const versions = versionsOf(announcements).filter((one) => isYoung || !isOfSeed(one));
  const needs = mesh.peers.map((_, rank) => addressesOf(holdingUnder(config, { plan, rank })));
  const hasAt = (version: Version) => announcements.map((one) => holdsAt(config, one, version));
  const take = async (version: Version, has: readonly Addresses[]): Promise<CutState> => {
    checkOrigins(announcements, version);
    const sources = mine
      .filter((one) => isSame(one, version) && isShared(claimOf(one)))
      .map((one) => laid(config, one));
    const target = holdingUnder(config, cutting);
    // before the first step all moments are zeros, which every rank has
    const sent = version.step > 0 ? needs : needs.map(({ param }) => ({ ...NOTHING, param }));
    const state = await move(circuit, has, sent, sources, target, `${version.step}/sync`);
    return { ...version, cutting, state };
  };
  for (const version of versions) {
    const has = hasAt(version);
    if (isCovered(has, needs)) return take(version, has);
  }
  if (isYoung) return { ...OF_SEED, cutting, state: null };
  if (versions.length === 0) {
    throw new PartsGone('parts of the model were only on a peer that is gone; start again from a saved model');
  }
  // why the newest, which is incomplete: the transfers throw an error that says what is missing
  return take(versions[0]!, hasAt(versions[0]!));
}

const OF_SEED: Version = { step: 0, generation: 0 };

const isSame = (a: Version, b: Version) => a.step === b.step && a.generation === b.generation;
const isOfSeed = (version: Version) => isSame(version, OF_SEED);

/** Every version that some rank has a state of, the newest first. */
function versionsOf(announcements: readonly Announcement[]): readonly Version[] {
  const all = announcements.flatMap(({ held }) => held.filter(isShared));
  const distinct = all.filter((one, at) => all.findIndex((other) => isSame(one, other)) === at);
  return distinct.sort((a, b) => b.step - a.step || b.generation - a.generation);
}

/**
 * True for a state that all replicas share. Replicas that train apart have different states, which are never mixed:
 * apart.ts takes them.
 */
const isShared = ({ outer }: Claim) => outer === undefined;

/** What a rank holds of a version, in all its states of that version. */
function holdsAt(config: ModelConfig, { held }: Announcement, version: Version): Addresses {
  const states = held.filter((one) => isSame(one, version) && isShared(one));
  const all = states.map(({ cutting }) => addressesOf(holdingUnder(config, cutting)));
  return { param: union(all.flatMap(({ param }) => param)), moment: union(all.flatMap(({ moment }) => moment)) };
}

/** Throws InputError if two peers would start from different weights, because they cannot train together. */
function checkOrigins(announcements: readonly Announcement[], { step }: Version): void {
  const starting = announcements.filter(({ held }) => held.some((one) => one.step === 0));
  if (step === 0 && new Set(starting.map(({ init }) => init)).size > 1) {
    throw new InputError('peers brought different starting weights; give the same file to all, or to one of them');
  }
}

/** Every parameter by address on the ranks `wanting`, null on others. All ranks' states must be cut by one plan. */
export async function gatherWeights(
  circuit: Circuit,
  config: ModelConfig,
  mine: Omit<CutState, 'generation'>,
  wanting: readonly number[],
): Promise<Float32Array | null> {
  return gather(circuit, config, mine, ({ param }) => param, wanting, `${mine.step}/files`);
}

/** As gatherWeights, for the gradients of the newest step, which are laid out as moments are. */
export async function gatherGradients(
  circuit: Circuit,
  config: ModelConfig,
  mine: Pick<CutState, 'step' | 'cutting'> & { readonly gradients: UnitArrays },
  wanting: readonly number[],
): Promise<Float32Array | null> {
  const state = { param: mine.gradients, mean: NO_ARRAYS, square: NO_ARRAYS };
  return gather(circuit, config, { ...mine, state }, ({ moment }) => moment, wanting, `${mine.step}/gradients`);
}

/**
 * Gather the arrays `state.param` of all ranks by address on the ranks `wanting`. `partOf` says which part of its
 * holding a rank has in them.
 */
async function gather(
  circuit: Circuit,
  config: ModelConfig,
  { cutting: { plan }, state }: Pick<CutState, 'cutting' | 'state'>,
  partOf: (holding: Holding) => Part,
  wanting: readonly number[],
  tag: string,
): Promise<Float32Array | null> {
  const { mesh } = circuit;
  const whole = partOf(holdingUnder(config, SINGLE));
  const partsOf = (rank: number): Holding => ({ param: partOf(holdingUnder(config, { plan, rank })), moment: NO_PART });
  const has = mesh.peers.map((_, rank) => addressesOf(partsOf(rank)));
  const needs = mesh.peers.map((_, rank) => (wanting.includes(rank) ? { param: whole.held, moment: [] } : NOTHING));
  const target = { param: wanting.includes(mesh.rank) ? whole : NO_PART, moment: NO_PART };
  const gathered = await move(circuit, has, needs, [{ state, holding: partsOf(mesh.rank) }], target, tag);
  return target.param === whole ? readRuns(gathered.param, whole, whole.held) : null;
}

const NO_ARRAYS: UnitArrays = new Map();

/** The state a safetensors file gives, read in `generation`: the whole model on one rank, before the first step. */
export function stateFromWeights(config: ModelConfig, weights: Float32Array, generation: number): CutState {
  const holding = holdingUnder(config, SINGLE);
  const state = emptyState(holding);
  writeRuns(state.param, holding.param, holding.param.held, weights);
  return { step: 0, generation, cutting: SINGLE, state };
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

/** The cutting of a rank that holds the whole model. */
export const SINGLE: Cutting = { plan: SINGLE_PLAN, rank: 0 };
