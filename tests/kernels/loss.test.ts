/** The loss of a vocabulary taken in pieces, forward, I and W as recorded on a tape, against float64. */
import { expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import type { Instr, Place, Tensor } from '../../src/gpu/instr';
import { IGNORED_TARGET } from '../../src/gpu/kernels';
import { Stream } from '../../src/gpu/stream';
import { nextTokenLoss, PIECE } from '../../src/model/loss';
import { Tape } from '../../src/model/tape';
import { bothTest, gpuTest, useGpu } from '../helpers/gpu';
import { expectClose, random } from '../helpers/kernelrun';

useGpu();

/** Sums of at most 2 x 4,096 exponentials or products of values below 1, in f32, relative to the largest. */
const TOLERANCE = 1e-4;

const [B, T, C] = [1, 6, 8];

/** Loss, gradient of x and of the table for rows of x[R,C] against table[V,C]. */
function reference(x: Float32Array, table: Float32Array, targets: Uint32Array) {
  const [R, V] = [targets.length, table.length / C];
  const loss = new Float64Array(R);
  const dx = new Float64Array(R * C);
  const dTable = new Float64Array(V * C);
  for (let r = 0; r < R; r++) {
    const target = targets[r]!;
    if (target === IGNORED_TARGET) continue;
    const logits = Array.from({ length: V }, (_, v) => {
      let sum = 0;
      for (let c = 0; c < C; c++) sum += x[r * C + c]! * table[v * C + c]!;
      return sum;
    });
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    loss[r] = Math.log(total) - logits[target]!;
    for (let v = 0; v < V; v++) {
      const slope = Math.exp(logits[v]!) / total - (v === target ? 1 : 0);
      for (let c = 0; c < C; c++) {
        dx[r * C + c]! += slope * table[v * C + c]!;
        dTable[v * C + c]! += slope * x[r * C + c]!;
      }
    }
  }
  return { loss, dx, dTable };
}

/** Every tensor of the tape in a buffer of its own; parts of a parameter in the parameter's. */
class Buffers {
  readonly #whole = new Map<string, Place>();

  constructor(readonly stream: Stream) {}

  add(name: string, data: Float32Array | Uint32Array): Place {
    const place = {
      buffer: this.stream.device.createStorage('scratch', data.byteLength, name),
      at: 0,
      floats: data.length,
    };
    this.stream.write(place, data);
    this.#whole.set(name, place);
    return place;
  }

  of(tensor: Tensor): Place {
    const floats = tensor.shape.reduce((product, dim) => product * dim, 1);
    const name = `${tensor.role === 'grad' ? 'grad ' : ''}${tensor.name}`;
    const whole = this.#whole.get(name) ?? this.add(name, new Float32Array(floats));
    return { buffer: whole.buffer, at: tensor.from ?? 0, floats };
  }
}

for (const V of [PIECE + 37, 2 * PIECE + 4]) {
  const test = V > 2 * PIECE ? gpuTest : bothTest;
  test(`${V} tokens in pieces`, async (device: GpuDevice) => {
    const t = new Tape('head', { batch: B, context: T });
    const x = t.border('in', [B * T, C]);
    const targets = t.input('targets', [B * T]);
    const table = t.param('head.w', [V, C]);
    const unit = t.finish(x, nextTokenLoss(t, x, table, targets, V), { x, table });

    const given = { x: random(B * T * C, 1), table: random(V * C, 2) };
    const labels = Uint32Array.of(0, PIECE - 1, PIECE, V - 1, IGNORED_TARGET, 5);
    const stream = new Stream(device);
    const buffers = new Buffers(stream);
    buffers.add('in', given.x);
    buffers.add('targets', labels);
    buffers.add('head.w', given.table);
    const grad = buffers.add('grad head.w', new Float32Array(V * C));
    const run = async (list: readonly Instr[]) => {
      const prepared = await stream.prepare(list, (tensor) => buffers.of(tensor), 'head');
      stream.encode(prepared);
    };
    await run(unit.forward);
    await run(unit.backwardInput);
    await run(unit.backwardWeight);

    const expected = reference(given.x, given.table, labels);
    expectClose(await stream.read(buffers.of(unit.output)), expected.loss, TOLERANCE, 'loss');
    expectClose(await stream.read(buffers.of(unit.inputGrad!)), expected.dx, TOLERANCE, 'dx');
    expectClose(await stream.read(grad), expected.dTable, TOLERANCE, 'dTable');
    const largest = [...unit.forward, ...unit.backwardInput, ...unit.backwardWeight]
      .flatMap((line) => (line.do === 'run' ? Object.values(line.bind) : []))
      .filter(({ role }) => role !== 'param' && role !== 'grad')
      .map(({ shape }) => shape.reduce((product, dim) => product * dim, 1));
    expect(Math.max(...largest)).toBe(B * T * PIECE);
    stream.close();
  });
}
