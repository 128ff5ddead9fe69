/** The op of LoRA: adapters add to the result of a linear, in place. */
import type { Tensor } from '../gpu/instr';
import * as k from '../gpu/kernels.lora';
import type { ModelConfig } from './config';
import { adaptersOf } from './lora';
import { linear } from './ops';
import type { Tape } from './tape';

const PLAIN = { bias: false, transposed: true } as const;

/** y[R,N] = x w, in place plus the adapters of the linear `name`, each in its columns. Returns y. */
export function addAdapters(t: Tape, c: ModelConfig, x: Tensor, y: Tensor, name: string): Tensor {
  const { rank = 1, alpha = 1 } = c.lora ?? {};
  for (const { a, b, linear: of, at, inputs, outputs } of adaptersOf(c)) {
    if (of !== name) continue;
    const z = linear(t, linear(t, x, a, [inputs, rank], PLAIN), b, [rank, outputs], PLAIN);
    const params = { R: t.rows, C: outputs, N: y.shape[1]!, at, factor: alpha / rank };
    t.F(k.addColumns, { z, y }, params);
    t.backward(() => t.I(k.takeColumns, { y: t.gradOf(y), z: t.into(z).grad }, params));
  }
  return y;
}
