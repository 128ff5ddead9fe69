/**
 * jax-js in the bench: the whole step, gradients and AdamW, in one jit. Attention is the library's own; parameters are
 * a tree of arrays as in its examples. Every function here owns its arguments, as the library's reference counting
 * requires.
 */

import {
  blockUntilReady,
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  type NdArray,
  nn,
  numpy as np,
  valueAndGrad,
} from '@jax-js/jax';
import { noise } from '../../../src/gpu/noise';
import type { Multiplier, Peer, Trainer, Weight } from './peer';
import { ADAM, type Batch, type LinearShape, type Product, productOf, type TrainShape } from './shapes';

export const jax = { name: 'jax-js', trainer, multiplier } satisfies Peer;

type Tree = Record<string, NdArray>;

let opened: Promise<GPUDevice> | undefined;

function open(): Promise<GPUDevice> {
  const start = async () => {
    await init('webgpu');
    defaultDevice('webgpu');
    return getWebGPUDevice();
  };
  opened ??= start();
  return opened;
}

function layerNorm(x: NdArray, gain: NdArray, bias: NdArray): NdArray {
  return nn.standardize(x, -1, { epsilon: 1e-5 }).mul(gain).add(bias);
}

function linear(x: NdArray, w: NdArray, b: NdArray): NdArray {
  return np.matmul(x, w).add(b);
}

/** Logits of rows; consumes the parameters. */
function forward({ model, batch }: TrainShape, params: Tree, tokens: NdArray): NdArray {
  const [B, T, C, N] = [batch, model.context, model.dim, model.heads];
  const take = (unit: string, name: string) => params[`${unit}/${name}`]!;
  const table = np.matmul(nn.oneHot(tokens, model.vocab), take('embed', 'wte'));
  let x = table
    .reshape([B, T, C])
    .add(take('embed', 'wpe'))
    .reshape([B * T, C]);
  for (let i = 0; i < model.layers; i++) {
    const p = (name: string) => take(`block${i}`, name);
    const qkv = linear(layerNorm(x.ref, p('ln1.g'), p('ln1.b')), p('attn.qkv.w'), p('attn.qkv.b'));
    const [q, k, v] = np.split(qkv, 3, -1).map((part) => part.reshape([B, T, N, C / N]));
    const attended = nn.dotProductAttention(q!, k!, v!, { isCausal: true }).reshape([B * T, C]);
    x = x.add(linear(attended, p('attn.proj.w'), p('attn.proj.b')));
    const hidden = nn.gelu(linear(layerNorm(x.ref, p('ln2.g'), p('ln2.b')), p('mlp.fc.w'), p('mlp.fc.b')));
    x = x.add(linear(hidden, p('mlp.proj.w'), p('mlp.proj.b')));
  }
  return np.matmul(layerNorm(x, take('head', 'ln.g'), take('head', 'ln.b')), take('head', 'head.w').transpose());
}

async function trainer(shape: TrainShape, weights: readonly Weight[]): Promise<Trainer> {
  const device = await open();
  const { model, batch } = shape;
  const rows = batch * model.context;
  const decayed = new Set(weights.filter((w) => w.shape.length >= 2).map((w) => `${w.unitName}/${w.name}`));
  const lossOf = (params: Tree, tokens: NdArray, targets: NdArray) => {
    const logs = nn.logSoftmax(forward(shape, params, tokens), -1);
    return logs
      .mul(nn.oneHot(targets, model.vocab))
      .sum()
      .mul(-1 / rows);
  };
  const { lr, beta1, beta2, eps, weightDecay } = ADAM;
  const update = jit((params: Tree, mean: Tree, square: Tree, tokens: NdArray, targets: NdArray, rates: NdArray) => {
    const kept = Object.fromEntries(Object.entries(params).map(([name, param]) => [name, param.ref]));
    const [loss, grads] = valueAndGrad(lossOf)(params, tokens, targets) as [NdArray, Tree];
    const [c1, c2] = np.split(rates, 2) as [NdArray, NdArray];
    const next: [Tree, Tree, Tree] = [{}, {}, {}];
    for (const [name, param] of Object.entries(kept)) {
      const grad = grads[name]!;
      const m = mean[name]!.mul(beta1).add(grad.ref.mul(1 - beta1));
      const v = square[name]!.mul(beta2).add(grad.ref.mul(grad).mul(1 - beta2));
      const move = m.ref.mul(c1.ref).div(np.sqrt(v.ref.mul(c2.ref)).add(eps));
      next[0][name] = param.mul(decayed.has(name) ? 1 - lr * weightDecay : 1).sub(move.mul(lr));
      next[1][name] = m;
      next[2][name] = v;
    }
    c1.dispose();
    c2.dispose();
    return [loss, ...next] as const;
  });
  const tree = (values: (weight: Weight) => Float32Array<ArrayBuffer>): Tree =>
    Object.fromEntries(weights.map((w) => [`${w.unitName}/${w.name}`, np.array(values(w)).reshape([...w.shape])]));
  let params = tree((w) => w.values);
  let mean = tree((w) => new Float32Array(w.floats));
  let square = tree((w) => new Float32Array(w.floats));
  await blockUntilReady([params, mean, square]);
  const tokensOf = (data: Uint32Array<ArrayBuffer>) => np.array(Int32Array.from(data), { dtype: np.int32 });
  return {
    device,
    step: async ({ tokens, targets }: Batch, step) => {
      const rates = Float32Array.of(1 / (1 - beta1 ** (step + 1)), 1 / (1 - beta2 ** (step + 1)));
      const result = update(params, mean, square, tokensOf(tokens), tokensOf(targets), np.array(rates));
      params = result[1];
      mean = result[2];
      square = result[3];
      return (await result[0].data())[0]!;
    },
    close: () => {
      for (const state of [params, mean, square]) for (const array of Object.values(state)) array.dispose();
      update.dispose();
    },
  };
}

async function multiplier(linearShape: LinearShape, product: Product): Promise<Multiplier> {
  const device = await open();
  const { M, N, K, TA, TB, aShape, bShape } = productOf(linearShape, product);
  const a = np.array(noise(M * K, 1)).reshape([...aShape]);
  const b = np.array(noise(N * K, 2)).reshape([...bShape]);
  const multiply = jit((x: NdArray, y: NdArray) => np.matmul(TA ? x.transpose() : x, TB ? y.transpose() : y));
  await blockUntilReady([a, b]);
  return {
    device,
    run: async (times) => {
      // why all are kept: the library skips work whose result is released before the work has begun
      const results = Array.from({ length: times }, () => multiply(a.ref, b.ref));
      await blockUntilReady(results);
      for (const result of results) result.dispose();
    },
    result: async () => Float32Array.from(await multiply(a.ref, b.ref).data()),
    close: () => {
      a.dispose();
      b.dispose();
      multiply.dispose();
    },
  };
}
