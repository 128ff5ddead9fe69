/**
 * TensorFlow.js with its WebGPU backend in the bench: operations in tidy blocks, gradients by variableGrads, AdamW with
 * the fewest operations that it allows. Tokens are one-hot products, since the gradient of its gather has no WebGPU
 * kernel.
 */
import { noise } from '../../../src/gpu/noise';
import '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import * as tf from '@tensorflow/tfjs-core';
import type { Multiplier, Peer, Trainer, Weight } from './peer';
import { ADAM, type Batch, type LinearShape, type Product, productOf, type TrainShape } from './shapes';

export const tfjs = { name: 'tfjs', trainer, multiplier } satisfies Peer;

async function open(): Promise<GPUDevice> {
  await tf.setBackend('webgpu');
  await tf.ready();
  return (tf.backend() as tf.WebGPUBackend).device;
}

function layerNorm(x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
  return tf.add(tf.mul(normal, gain), bias);
}

function gelu(x: tf.Tensor): tf.Tensor {
  const cube = tf.mul(tf.mul(x, x), x);
  const inner = tf.mul(tf.add(x, tf.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

function linear(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return tf.add(tf.matMul(x, w), b);
}

function forward(
  { model, batch }: TrainShape,
  params: ReadonlyMap<string, tf.Tensor>,
  hot: tf.Tensor,
  mask: tf.Tensor,
) {
  const [B, T, C, N] = [batch, model.context, model.dim, model.heads];
  const take = (unit: string, name: string) => params.get(`${unit}/${name}`)!;
  const table = tf.reshape(tf.matMul(hot, take('embed', 'wte')), [B, T, C]);
  let x = tf.reshape(tf.add(table, take('embed', 'wpe')), [B * T, C]);
  for (let i = 0; i < model.layers; i++) {
    const p = (name: string) => take(`block${i}`, name);
    const qkv = linear(layerNorm(x, p('ln1.g'), p('ln1.b')), p('attn.qkv.w'), p('attn.qkv.b'));
    const heads = tf.split(qkv, 3, -1).map((part) => tf.transpose(tf.reshape(part, [B, T, N, C / N]), [0, 2, 1, 3]));
    const scores = tf.mul(tf.matMul(heads[0]!, heads[1]!, false, true), 1 / Math.sqrt(C / N));
    const mixed = tf.matMul(tf.softmax(tf.add(scores, mask)), heads[2]!);
    const attended = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B * T, C]);
    x = tf.add(x, linear(attended, p('attn.proj.w'), p('attn.proj.b')));
    const hidden = gelu(linear(layerNorm(x, p('ln2.g'), p('ln2.b')), p('mlp.fc.w'), p('mlp.fc.b')));
    x = tf.add(x, linear(hidden, p('mlp.proj.w'), p('mlp.proj.b')));
  }
  const normed = layerNorm(x, take('head', 'ln.g'), take('head', 'ln.b'));
  return tf.matMul(normed, take('head', 'head.w'), false, true);
}

async function trainer(shape: TrainShape, weights: readonly Weight[]): Promise<Trainer> {
  const device = await open();
  const { context, vocab } = shape.model;
  const rows = shape.batch * context;
  const name = (w: Weight) => `${w.unitName}/${w.name}`;
  const params = new Map(
    weights.map((w) => [name(w), tf.variable(tf.tensor(w.values, [...w.shape]), true, `${shape.name}/${name(w)}`)]),
  );
  const moments = weights.map((w) => {
    const zeros = () => tf.variable(tf.zeros([...w.shape]), false);
    return { param: params.get(name(w))!, mean: zeros(), square: zeros(), decays: w.shape.length >= 2 };
  });
  const above = Float32Array.from({ length: context * context }, (_, i) =>
    i % context > Math.floor(i / context) ? -1e9 : 0,
  );
  const mask = tf.tensor(above, [context, context]);
  const { lr, beta1, beta2, eps, weightDecay } = ADAM;
  const hotOf = (data: Uint32Array) => tf.oneHot(tf.tensor1d(Int32Array.from(data), 'int32'), vocab, 1, 0, 'float32');

  const update = ({ tokens, targets }: Batch, step: number): tf.Tensor =>
    tf.tidy(() => {
      const [hot, labels] = [hotOf(tokens), hotOf(targets)];
      const { value, grads } = tf.variableGrads(() => {
        const logs = tf.logSoftmax(forward(shape, params, hot, mask));
        return tf.mul(tf.sum(tf.mul(logs, labels)), -1 / rows);
      });
      const [c1, c2] = [1 / (1 - beta1 ** (step + 1)), 1 / (1 - beta2 ** (step + 1))];
      for (const { param, mean, square, decays } of moments) {
        const grad = grads[param.name]!;
        mean.assign(tf.add(tf.mul(mean, beta1), tf.mul(grad, 1 - beta1)));
        square.assign(tf.add(tf.mul(square, beta2), tf.mul(tf.square(grad), 1 - beta2)));
        const move = tf.div(tf.mul(mean, lr * c1), tf.add(tf.sqrt(tf.mul(square, c2)), eps));
        param.assign(tf.sub(decays ? tf.mul(param, 1 - lr * weightDecay) : param, move));
      }
      return value;
    });

  return {
    device,
    step: async (batch, step) => {
      const loss = update(batch, step);
      const [value] = await loss.data();
      loss.dispose();
      return value!;
    },
    close: () => {
      for (const { param, mean, square } of moments) for (const variable of [param, mean, square]) variable.dispose();
      mask.dispose();
    },
  };
}

async function multiplier(linearShape: LinearShape, product: Product): Promise<Multiplier> {
  const device = await open();
  const { M, N, K, TA, TB, aShape, bShape } = productOf(linearShape, product);
  const a = tf.tensor(noise(M * K, 1), [...aShape]);
  const b = tf.tensor(noise(N * K, 2), [...bShape]);
  const multiply = () => tf.matMul(a, b, TA === 1, TB === 1);
  return {
    device,
    run: async (times) => {
      for (let i = 1; i < times; i++) multiply().dispose();
      // why read: tfjs holds commands back until a read; one result per turn costs a hundredth of the turn's time
      const last = multiply();
      await last.data();
      last.dispose();
    },
    result: async () => {
      const product = multiply();
      const values = Float32Array.from(await product.data());
      product.dispose();
      return values;
    },
    close: () => {
      a.dispose();
      b.dispose();
    },
  };
}
