/**
 * The ops that only Llama has, each with its forward and, right below, its hand-written backward (rules: ops.ts).
 */
import type { Tensor } from '../gpu/instr';
import * as k from '../gpu/kernels.llama';
import { normGroups } from '../gpu/lanes';
import { headsOf } from './ops';
import type { Tape } from './tape';

const width = (x: Tensor): number => x.shape[x.shape.length - 1]!;

/** y = x * gamma / sqrt(mean of x^2 + eps) over the last dim. */
export function rmsNorm(t: Tape, x: Tensor, name: string, eps: number): Tensor {
  const [R, C] = [t.rows, width(x)];
  const gamma = t.param(`${name}.g`, [C]);
  const y = t.make(`${name}.y`, [R, C]);
  const rstd = t.make(`${name}.rstd`, [R]);
  t.F(k.rmsnorm, { x, gamma, y, rstd }, { R, C, eps });

  t.backward(() => {
    const dy = t.gradOf(y);
    const { grad: dx, ACC, skip } = t.into(x);
    const SKIP = skip ? 1 : 0;
    const parts = t.make(`${name}.parts`, [normGroups(R, C), C]);
    const grad = t.paramGrad(gamma);
    const extras = { together: { WEIGHTS: 1 } };
    const bind = { x, gamma, rstd, dy, ...(skip && { skip }), dx, parts, grad };
    t.I(k.rmsnormBack, bind, { R, C }, { ACC, SKIP }, extras);
    t.W(k.rmsnormWeight, { x, rstd, dy, parts, grad }, { R, C }, {}, extras);
  });
  return y;
}

/** How q and k are rotated by position. */
interface Rotation {
  readonly theta: number;
  readonly scaling?: k.RopeScaling | undefined;
}

/** Rotate q and k of fused rows in place by their position; the gradient is rotated back, in place too. */
export function rotary(t: Tape, qkv: Tensor, H: number, group: number, { theta, scaling }: Rotation): Tensor {
  const angles = { ratio: k.ropeRatio(theta, H), ...k.ropeStretch(scaling) };
  const params = { R: t.rows, T: t.context, ...headsOf(qkv, H, group), H, ...angles, first: 0 };
  t.F(k.rope, { qkv }, params);

  t.backward(() => t.I(k.rope, { qkv: t.gradOf(qkv) }, params, { INV: 1 }));
  return qkv;
}

/** y[R,hidden] = silu(gate) * up of rows [gate | up]. */
export function swiGlu(t: Tape, gateUp: Tensor): Tensor {
  const params = { R: t.rows, hidden: width(gateUp) / 2 };
  const y = t.make('mlp.act', [t.rows, params.hidden]);
  t.F(k.swiglu, { gateUp, out: y }, params);

  t.backward(() => {
    const { grad: dgateUp } = t.into(gateUp);
    t.I(k.swigluBack, { gateUp, dout: t.gradOf(y), dgateUp }, params);
  });
  return y;
}
