/**
 * Drives the page of the side-by-side bench in one browser. The turns of all libraries alternate (A B A B), so that
 * other load on the machine affects them alike. The result is numbers; report.ts makes tables of them.
 */
import type { Page } from 'playwright-core';
import type { AttentionTurn } from './attention';
import type { Counts } from './counted';
import type { Bench } from './page';
import type { Profile } from './profile';
import { ATTENTION_LENGTHS, LINEAR_SHAPES, PRODUCTS, productOf, TRAIN_SHAPES, type TrainShape } from './shapes';

declare const bench: Bench;

/** Trainers, and how many steps of a turn; tfjs takes many seconds for one. */
const TRAINERS = { tabtrain: 3, 'jax-js': 2, tfjs: 1 } as const;
type TrainerName = keyof typeof TRAINERS;
/** The first step compiles, the second allocates the buffers of the steady state. */
const FIRST_STEPS = 2;
const MULTIPLIERS = ['tabtrain', 'jax-js', 'tfjs', 'onnxruntime-web'] as const;
/** The products of one turn take about this long. */
const TURN_MS = 60;

export interface TrainResult {
  readonly shape: string;
  readonly tokensPerStep: number;
  readonly peers: readonly {
    readonly name: TrainerName;
    /** Median over the turns. */
    readonly msPerStep: number;
    readonly turns: readonly number[];
    readonly firstLosses: readonly number[];
    readonly counts: Counts;
  }[];
}

export interface MatmulResult {
  readonly linear: string;
  readonly product: string;
  readonly flops: number;
  readonly peers: readonly { readonly name: string; readonly ms: number; readonly error: number }[];
}

/** Train both GPTs, each in a fresh page. */
export async function benchTraining(page: Page, address: string, rounds: number): Promise<readonly TrainResult[]> {
  const results: TrainResult[] = [];
  for (const shape of TRAIN_SHAPES) results.push(await trainInTurns(page, address, shape, rounds));
  return results;
}

/** Steps of one trainer in so many turns, with those before them. */
export const stepsIn = (name: TrainerName, rounds: number): number => FIRST_STEPS + rounds * TRAINERS[name];

/** Train one GPT by everyone that can, in a fresh page. */
export async function trainInTurns(
  page: Page,
  address: string,
  { name: shape, model, batch, isOursAlone = false }: TrainShape,
  rounds: number,
): Promise<TrainResult> {
  await page.goto(address);
  const all = Object.keys(TRAINERS) as TrainerName[];
  const names = isOursAlone ? all.slice(0, 1) : all;
  const turns = new Map(names.map((name) => [name, [] as number[]]));
  const losses = new Map<string, readonly number[]>();
  const counts = new Map<string, Counts>();
  for (const peer of names) {
    await page.evaluate(([peer, shape]) => bench.open(peer, shape), [peer, shape] as const);
    const begin = [peer, shape, FIRST_STEPS] as const;
    const first = await page.evaluate(([peer, shape, steps]) => bench.steps(peer, shape, steps), begin);
    losses.set(peer, first.losses);
    say({ shape, peer, ...first });
  }
  for (let round = 0; round < rounds; round++) {
    for (const peer of names) {
      const given = [peer, shape, TRAINERS[peer]] as const;
      const turn = await page.evaluate(([peer, shape, steps]) => bench.steps(peer, shape, steps), given);
      turns.get(peer)!.push(turn.msPerStep);
      say({ shape, peer, ...turn });
      counts.set(peer, turn.counts);
    }
  }
  const peers = names.map((name) => ({
    name,
    msPerStep: median(turns.get(name)!),
    turns: turns.get(name)!,
    firstLosses: losses.get(name)!,
    counts: counts.get(name)!,
  }));
  return { shape, tokensPerStep: batch * model.context, peers };
}

/** Measures the three products of every linear. */
export async function benchMatmul(page: Page, address: string, rounds: number): Promise<readonly MatmulResult[]> {
  await page.goto(address);
  const results: MatmulResult[] = [];
  for (const linear of LINEAR_SHAPES) {
    for (const product of PRODUCTS) results.push(await oneProduct(page, linear, product, rounds));
  }
  return results;
}

async function oneProduct(
  page: Page,
  linear: (typeof LINEAR_SHAPES)[number],
  product: (typeof PRODUCTS)[number],
  rounds: number,
): Promise<MatmulResult> {
  const multiply = (peer: string, times: number) =>
    page.evaluate(([peer, linear, product, times]) => bench.multiply(peer, linear, product, times), [
      peer,
      linear.name,
      product,
      times,
    ] as const);
  const errors = new Map<string, number>();
  const times = new Map<string, number>();
  const turns = new Map(MULTIPLIERS.map((name) => [name, [] as number[]]));
  for (const peer of MULTIPLIERS) {
    const given = [peer, linear.name, product] as const;
    errors.set(peer, await page.evaluate(([peer, linear, product]) => bench.prepare(peer, linear, product), given));
    times.set(peer, Math.max(1, Math.round(TURN_MS / (await multiply(peer, 3)))));
  }
  for (let round = 0; round < rounds; round++) {
    for (const peer of MULTIPLIERS) turns.get(peer)!.push(await multiply(peer, times.get(peer)!));
  }
  for (const peer of MULTIPLIERS) {
    const given = [peer, linear.name, product] as const;
    await page.evaluate(([peer, linear, product]) => bench.release(peer, linear, product), given);
  }
  const { M, N, K } = productOf(linear, product);
  const peers = MULTIPLIERS.map((name) => ({ name, ms: median(turns.get(name)!), error: errors.get(name)! }));
  say({ linear: linear.name, product, peers });
  return { linear: linear.name, product, flops: 2 * M * N * K, peers };
}

/** Forward and backward of attention at growing T, and of the matrix products with the same operations. */
export async function benchAttention(page: Page, address: string, rounds: number): Promise<readonly AttentionTurn[]> {
  await page.goto(address);
  const results: AttentionTurn[] = [];
  for (const T of ATTENTION_LENGTHS) {
    const turns: AttentionTurn[] = [];
    for (let round = 0; round < rounds; round++) {
      turns.push(await page.evaluate((T) => bench.attention(T), T));
      say(turns.at(-1)!);
    }
    turns.sort((a, b) => a.ms / a.boundMs - b.ms / b.boundMs);
    results.push(turns[turns.length >> 1]!);
  }
  return results;
}

/** Per kernel, one step of each GPT. */
export async function profileStep(page: Page, address: string): Promise<readonly Profile[]> {
  await page.goto(address);
  const profiles: Profile[] = [];
  for (const { name } of TRAIN_SHAPES) profiles.push(await page.evaluate((shape) => bench.profile(shape), name));
  return profiles;
}

/** Prints a single measurement as soon as it is made. */
function say(measured: object): void {
  console.error(JSON.stringify(measured));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
