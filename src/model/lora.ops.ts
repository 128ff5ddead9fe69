/** The ops of LoRA: adapters add to the result of a linear, in place. */
import type { Tensor } from '../gpu/instr';
import type { Activation } from '../gpu/kernels';
import * as k from '../gpu/kernels.lora';
import type { ModelConfig } from './config';
import { adaptersOf } from './lora';
import { applyActivation, linear } from './ops';
import { part } from './split';
import type { Tape } from './tape';

const PLAIN = { bias: false, transposed: true } as const;

/** y[R,N] = x w, in place plus the adapters of the linear `name`, each in its columns. Returns y. */
export function addAdapters(t: Tape, c: ModelConfig, x: Tensor, y: Tensor, name: string): Tensor {
  const { rank = 1, alpha = 1 } = c.lora ?? {};
  for (const { a, b, linear: of, before, inputs, outputs, rowSplit } of adaptersOf(c)) {
    if (of !== name) continue;
    const reduced = linear(t, x, a, [inputs, rank], { ...PLAIN, besideSplit: !rowSplit });
    const z = linear(t, reduced, b, [rank, outputs], PLAIN);
    const at = before.reduce((sum, length) => sum + part(length, t.cut)[1], 0);
    const params = { R: t.rows, C: z.shape[1]!, N: y.shape[1]!, at, factor: alpha / rank };
    t.F(k.addColumns, { z, y }, params);
    t.backward(() => t.I(k.takeColumns, { y: t.gradOf(y), z: t.into(z).grad }, params));
  }
  return y;
}

/** GPT-2's activation of `mlp.fc`; fused into the product unless an adapter adds to it first. */
export function adaptedActivation(t: Tape, c: ModelConfig, x: Tensor, activation: Activation): Tensor {
  const shape = [c.dim, c.hidden] as const;
  const isAdapted = adaptersOf(c).some(({ linear: of }) => of === 'mlp.fc');
  if (!isAdapted) return linear(t, x, 'mlp.fc', shape, { activation });
  return applyActivation(t, addAdapters(t, c, x, linear(t, x, 'mlp.fc', shape), 'mlp.fc'), activation);
}
