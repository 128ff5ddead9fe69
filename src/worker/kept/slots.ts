/**
 * Where the tabs of one browser keep the states of a room: one folder `kept/ROOM/N` per open tab, with two states in
 * each. A tab owns the lowest folder whose lock is free. A tab that resumes a run reads the folders of all tabs.
 */
import * as v from 'valibot';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import { inTime } from '../../storage/intime';
import { OpfsFolder } from '../../storage/opfs';
import { sha256 } from '../../train/hash';
import { parseRunFile, type RunFile } from '../../train/runfile';

const ROOT = 'kept';
const FORMAT = 'tabtrain state 1';
/** Maximum number of rooms kept in one browser; the one kept longest ago is removed first. */
const MAX_ROOMS = 8;
const MAX_SLOTS = 24;
/** File beside the states with the person's own text, if the run trains on one. */
export const TEXT_FILE = 'text';

/** Description of a state in a slot; its elements are in a file beside it. */
export interface KeptState {
  readonly step: number;
  readonly generation: number;
  /** The room's run file: its vocabulary may be open. */
  readonly run: RunFile;
  /** Size of the vocabulary, never open. */
  readonly vocab: number;
  readonly plan: ParallelPlan;
  readonly rank: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly file: { readonly name: string; readonly sizeBytes: number; readonly sha256: string };
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const schema = v.object({
  format: v.literal(FORMAT),
  step: count,
  generation: count,
  run: v.pipe(
    v.unknown(),
    v.transform((run) => parseRunFile(run)),
  ),
  vocab: count,
  plan: v.pipe(v.unknown(), v.transform(parsePlan)),
  rank: count,
  at: count,
  file: v.object({ name: v.string(), sizeBytes: count, sha256: v.string() }),
});

/** The name of a room's folder: a hash that does not reveal the room's secret. */
export async function roomFolder(secret: string): Promise<string> {
  return (await sha256(new TextEncoder().encode(`kept ${secret}`))).slice(0, 24);
}

export function describeState(state: KeptState): string {
  return JSON.stringify({ format: FORMAT, ...state });
}

/** A state and the slot where it is. */
export interface SlotState extends KeptState {
  readonly slot: OpfsFolder;
  readonly number: number;
}

/** All states of the room in this browser, the newest first. Rejects with StorageError if there is no storage. */
export async function keptStates(room: string): Promise<readonly SlotState[]> {
  const folder = await OpfsFolder.open(ROOT, room);
  const states: SlotState[] = [];
  for (const name of await folder.list('directory')) {
    const slot = await OpfsFolder.open(ROOT, room, name);
    for (const file of await slot.list('file')) {
      const text = file.endsWith('.json') ? await slot.readText(file) : null;
      const state = text === null ? null : parseState(text);
      if (state) states.push({ ...state, slot, number: Number(name) });
    }
  }
  return states.sort((a, b) => b.step - a.step || b.generation - a.generation);
}

/** Null for a description that is broken or that another version wrote. */
function parseState(text: string): KeptState | null {
  try {
    const { format: _, ...state } = v.parse(schema, JSON.parse(text));
    return state;
  } catch {
    return null;
  }
}

export interface Slot {
  readonly folder: OpfsFolder;
  readonly number: number;
}

/**
 * Takes the free folder with the lowest number below `below`; this tab owns it until its Worker ends. Null if all are
 * taken.
 */
export async function takeSlot(room: string, below = MAX_SLOTS): Promise<Slot | null> {
  for (let number = 0; number < below; number++) {
    const answer = new Promise<boolean>((resolve, reject) => {
      const hold = (lock: Lock | null) => {
        resolve(lock !== null);
        // the browser frees the lock when this Worker ends
        return lock ? new Promise<void>(() => {}) : undefined;
      };
      navigator.locks.request(`${ROOT} ${room} ${number}`, { ifAvailable: true }, hold).catch(reject);
    });
    const isMine = await inTime(answer);
    if (isMine) return { folder: await OpfsFolder.open(ROOT, room, String(number)), number };
  }
  return null;
}

/** Removes the oldest rooms beyond MAX_ROOMS. */
export async function forgetOldRooms(room: string): Promise<void> {
  const root = await OpfsFolder.open(ROOT);
  const others = (await root.list('directory')).filter((name) => name !== room);
  if (others.length < MAX_ROOMS) return;
  const ages = await Promise.all(
    others.map(async (name) => ({ name, at: Math.max(0, ...(await keptStates(name)).map(({ at }) => at)) })),
  );
  for (const { name } of ages.sort((a, b) => b.at - a.at).slice(MAX_ROOMS - 1)) await root.remove(name);
}

/** True if the ranks of these states together hold the whole model, as far as their plan tells. */
export function isWhole(states: readonly KeptState[]): boolean {
  const [first] = states;
  if (!first) return false;
  const { dp, pp, tp, zero } = first.plan;
  const ranks = zero === 0 && pp === 1 && tp === 1 ? 1 : dp * pp * tp;
  return new Set(states.map(({ rank }) => rank)).size >= ranks;
}

/** Groups the states by step and generation, the newest group first. */
export function versionsOf<T extends KeptState>(states: readonly T[]): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const state of states) {
    const name = `${state.step}-${state.generation}`;
    groups.set(name, [...(groups.get(name) ?? []), state]);
  }
  return [...groups.values()];
}

/**
 * The states, newest first as given, but of the newest step that of slot `own` first. A rank resumes its replica from its
 * first state: where replicas train apart, two tabs would otherwise resume the same one.
 */
export function ownFirst<T extends KeptState & { readonly number: number }>(
  states: readonly T[],
  own: number | null,
): readonly T[] {
  const [newest] = versionsOf(states);
  const mine = newest?.find(({ number }) => number === own);
  return mine ? [mine, ...states.filter((state) => state !== mine)] : states;
}
