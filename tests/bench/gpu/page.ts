/**
 * The page of the bench: all libraries in one page, driven from run.ts. Times are on the host, from the request to the
 * result.
 */
import { probe } from '../../../src/gpu/device';
import { noise } from '../../../src/gpu/noise';
import { attentionTurn } from './attention';
import { type Counts, countsOf, startCounting } from './counted';
import { jax } from './jax';
import { onnx } from './ort';
import { ours } from './ours';
import type { Multiplier, Peer, Trainer } from './peer';
import { type Profile, profileOf } from './profile';
import { batchAt, DAY_SHAPES, LINEAR_SHAPES, type Product, productOf } from './shapes';
import { tfjs } from './tfjs';
import { weightsOf } from './weights';

startCounting();

const PEERS: readonly Peer[] = [ours, jax, tfjs, onnx];

export interface StepRound {
  readonly msPerStep: number;
  readonly losses: readonly number[];
  /** Of the last step. */
  readonly counts: Counts;
}

const peerOf = (name: string) => PEERS.find((peer) => peer.name === name)!;
const shapeOf = (name: string) => DAY_SHAPES.find((shape) => shape.name === name)!;

/** Largest difference from the product in float64, over the largest element. */
function worstError(got: Float32Array, { M, N, K, TA, TB }: ReturnType<typeof productOf>): number {
  const [a, b] = [noise(M * K, 1), noise(N * K, 2)];
  let worst = 0;
  let largest = 0;
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[TA ? k * M + m : m * K + k]! * b[TB ? n * K + k : k * N + n]!;
      worst = Math.max(worst, Math.abs(sum - got[m * N + n]!));
      largest = Math.max(largest, Math.abs(sum));
    }
  }
  return worst / largest;
}

interface InTraining {
  readonly trainer: Trainer;
  at: number;
}
const training = new Map<string, InTraining>();
const multipliers = new Map<string, Multiplier>();

const bench = {
  adapter: async () => (await probe()).adapter,

  async open(peer: string, shape: string): Promise<void> {
    const wanted = shapeOf(shape);
    const trainer = await peerOf(peer).trainer!(wanted, weightsOf(wanted));
    training.set(`${peer}/${shape}`, { trainer, at: 0 });
  },

  async steps(peer: string, shape: string, count: number): Promise<StepRound> {
    const run = training.get(`${peer}/${shape}`)!;
    const counts = countsOf(run.trainer.device);
    let before = { ...counts };
    const losses: number[] = [];
    const began = performance.now();
    for (let i = 0; i < count; i++) {
      before = { ...counts };
      losses.push(await run.trainer.step(batchAt(shapeOf(shape), run.at), run.at));
      run.at++;
    }
    const msPerStep = (performance.now() - began) / count;
    const step: Counts = { ...counts };
    for (const what of ['dispatches', 'submits', 'buffers', 'writes'] as const) step[what] -= before[what];
    return { msPerStep, losses, counts: step };
  },

  close(peer: string, shape: string): void {
    const run = training.get(`${peer}/${shape}`)!;
    run.trainer.close();
    training.delete(`${peer}/${shape}`);
  },

  /** Prepare a product and compare it with float64; resolves to the relative error. */
  async prepare(peer: string, linear: string, product: Product): Promise<number> {
    const shape = LINEAR_SHAPES.find(({ name }) => name === linear)!;
    const multiplier = await peerOf(peer).multiplier(shape, product);
    multipliers.set(`${peer}/${linear}/${product}`, multiplier);
    return worstError(await multiplier.result(), productOf(shape, product));
  },

  async multiply(peer: string, linear: string, product: Product, times: number): Promise<number> {
    const multiplier = multipliers.get(`${peer}/${linear}/${product}`)!;
    const began = performance.now();
    await multiplier.run(times);
    return (performance.now() - began) / times;
  },

  release(peer: string, linear: string, product: Product): void {
    multipliers.get(`${peer}/${linear}/${product}`)!.close();
    multipliers.delete(`${peer}/${linear}/${product}`);
  },

  attention: attentionTurn,

  profile: (shape: string): Promise<Profile> => profileOf(shapeOf(shape), weightsOf(shapeOf(shape))),
};

export type Bench = typeof bench;
Object.assign(globalThis, { bench });
