/**
 * The ops of the GPT-2 family: each with its forward dispatches and, right below, its hand-written backward, filed under
 * I (gradient of the input) or W (gradient of the weights). Llama's own ops: llama.ops.ts; the head's: loss.ts.
 * Letters: R rows = B*T, C channels, V vocabulary, M N K of matmul.
 */
import type { Tensor } from '../gpu/instr';
import type { Knobs } from '../gpu/kernel';
import * as k from '../gpu/kernels';
import * as lora from '../gpu/kernels.lora';
import * as split from '../gpu/kernels.split';
import { normGroups } from '../gpu/lanes';
import { floatsOf } from './layout';
import { part } from './split';
import type { Tape } from './tape';
import { weightGrad } from './weightgrad';

const width = (x: Tensor): number => x.shape[x.shape.length - 1]!;

interface LinearOptions {
  /** Activation of the result, fused. The consumer must be a linear: it fuses the activation's backward. */
  readonly activation?: k.Activation;
  /** Added to the result, fused. */
  readonly residual?: Tensor;
  /** false: no bias (Llama). */
  readonly bias?: boolean;
  /** Weight stored [out, in] as in Llama; GPT-2 stores [in, out]. */
  readonly transposed?: boolean;
  /** `x` also goes to a column split, whose sum of input gradients over the group must contain this one once. */
  readonly besideSplit?: boolean;
}

/** By activated tensor: its pre-activation, and the knobs of the activation. */
const preActivations = new WeakMap<Tensor, { readonly pre: Tensor; readonly knobs: Knobs }>();

/** The ACT knob; none for the activation that every shader has by default. */
const actKnobs = (activation: k.Activation | undefined): Knobs =>
  activation === undefined || k.ACT[activation] === 0 ? {} : { ACT: k.ACT[activation] };

/**
 * y[R,N] = x[R,K] w[K,N] + b. With tensor parallelism the split of `w` decides: a column split (its output dim) needs the
 * sum of the input gradients over the group, a row split (its input dim) the sum of the outputs.
 */
export function linear(
  t: Tape,
  x: Tensor,
  name: string,
  global: readonly [number, number],
  options: LinearOptions = {},
) {
  const [inDim, outDim] = options.transposed ? [1, 0] : [0, 1];
  const w = t.param(`${name}.w`, options.transposed ? [global[1], global[0]] : global);
  const b = options.bias === false ? undefined : t.param(`${name}.b`, [global[1]]);
  const [R, K, N] = [t.rows, w.shape[inDim]!, w.shape[outDim]!];
  const rowSplit = w.split?.dim === inDim;
  const columnSplit = w.split?.dim === outDim;
  const TB = outDim === 0 ? 1 : 0;

  const y = t.make(`${name}.y`, [R, N]);
  const pre = options.activation ? t.make(`${name}.pre`, [R, N]) : undefined;
  const act = actKnobs(options.activation);
  if (pre) preActivations.set(y, { pre, knobs: act });
  // why: with a row split only one rank adds bias and residual, so that the sum over the group contains them once
  const adds = !rowSplit || t.cut.rank === 0;
  const bias = adds ? b : undefined;
  const residual = adds ? options.residual : undefined;
  t.F(
    k.matmul,
    { a: x, b: w, ...(bias && { bias }), ...(residual && { extra: residual }), out: y, ...(pre && { aux: pre }) },
    { M: R, N, K },
    { TB, BIAS: bias ? 1 : 0, EPI: pre ? k.EPI.gelu : residual ? k.EPI.residual : k.EPI.none, ...act },
  );
  if (rowSplit) t.allReduce('forward', y);

  t.backward(() => {
    const dy = pre ? t.gradOf(pre) : t.gradOf(y);
    if (options.residual) t.skip(options.residual, dy);
    if (!options.besideSplit || t.cut.rank === 0) inputGradient(dy);
    const dims = { M: w.shape[0]!, N: w.shape[1]!, K: R };
    const [left, right] = TB ? [dy, x] : [x, dy];
    // why: where dy is the right operand, the same pass over dy also gives the bias gradient (the column sums of dy)
    const fused = TB ? undefined : b;
    const bind = { a: left, b: right, out: t.paramGrad(w) };
    weightGrad(t, w.name, bind, dims, fused && t.paramGrad(fused));
    if (b && TB) t.W(k.colsum, { x: dy, out: t.paramGrad(b) }, { R, C: N });
  });
  return y;

  function inputGradient(dy: Tensor) {
    const activated = preActivations.get(x);
    const xPre = activated?.pre;
    const into = t.into(xPre ?? x);
    const EPI = xPre ? k.EPI.dgelu : k.EPI.none;
    t.I(
      k.matmul,
      { a: dy, b: w, ...(xPre && { extra: xPre }), out: into.grad },
      { M: R, N: K, K: N },
      { TB: 1 - TB, ACC: into.ACC, EPI, ...activated?.knobs },
    );
    if (columnSplit) t.allReduce('backwardInput', into.grad);
  }
}

/** y = activation of `pre`, for a result that something is added to first. The consumer must be a linear, as in `linear`. */
export function applyActivation(t: Tape, pre: Tensor, activation: k.Activation): Tensor {
  const y = t.make(`${pre.name}.act`, pre.shape);
  const knobs = actKnobs(activation);
  preActivations.set(y, { pre, knobs });
  t.F(lora.activate, { x: pre, y }, { n: floatsOf(pre.shape) }, knobs);
  return y;
}

/**
 * Numbers of heads in fused qkv rows [q | k | v] with heads of size H, where `group` query heads share a key/value
 * head. A rank with a part of one group has one key/value head.
 */
export function headsOf(qkv: Tensor, H: number, group: number): { readonly N: number; readonly NKV: number } {
  const heads = width(qkv) / H;
  const NKV = Math.max(1, Math.floor(heads / (group + 2)));
  return { N: heads - 2 * NKV, NKV };
}

/** Causal attention over fused qkv rows; `group` as in headsOf. */
export function attention(t: Tape, qkv: Tensor, H: number, group = 1): Tensor {
  const { N, NKV } = headsOf(qkv, H, group);
  const params = { B: t.batch, T: t.context, N, NKV, H };
  const out = t.make('attn.out', [t.rows, N * H]);
  const lse = t.make('attn.lse', [t.batch, N, t.context]);
  t.F(k.attention, { qkv, out, lse }, params);

  t.backward(() => {
    const dout = t.gradOf(out);
    const dqkv = t.into(qkv).grad;
    const delta = t.make('attn.delta', [t.batch, N, t.context]);
    t.I(k.attentionBack, { qkv, out, lse, dout, dqkv, delta }, params);
    t.I(k.attentionBackKv, { qkv, lse, delta, dout, dqkv }, params);
  });
  return out;
}

/** y = (x - mean) / sqrt(variance + eps) * gamma + beta over the last dim. */
export function layerNorm(t: Tape, x: Tensor, name: string, eps: number): Tensor {
  const [R, C] = [t.rows, width(x)];
  const gamma = t.param(`${name}.g`, [C]);
  const beta = t.param(`${name}.b`, [C]);
  const y = t.make(`${name}.y`, [R, C]);
  const stats = t.make(`${name}.stats`, [R, 2]);
  t.F(k.layernorm, { x, gamma, beta, y, stats }, { R, C, eps });

  t.backward(() => {
    const dy = t.gradOf(y);
    const { grad: dx, ACC, skip } = t.into(x);
    const SKIP = skip ? 1 : 0;
    const parts = t.make(`${name}.parts`, [normGroups(R, C), 2, C]);
    const grad = t.paramGrad(gamma);
    const extras = { at: { betaAt: t.paramGrad(beta) }, together: { WEIGHTS: 1 } };
    const bind = { x, gamma, stats, dy, ...(skip && { skip }), dx, parts, grad };
    t.I(k.layernormBack, bind, { R, C }, { ACC, SKIP }, extras);
    t.W(k.layernormWeight, { x, stats, dy, parts, grad }, { R, C }, {}, extras);
  });
  return y;
}

/** x = token table [V,C] + position table [T,C]. Positions are left out for models that rotate instead. */
export function embed(t: Tape, tokens: Tensor, vocab: number, C: number, positions: boolean): Tensor {
  const [R, T] = [t.rows, t.context];
  const wte = t.param('wte', [vocab, C]);
  const wpe = positions ? t.param('wpe', [T, C]) : undefined;
  const V = wte.shape[0]!;
  const x = t.make('x', [R, C]);
  if (wte.split) {
    // why: only one rank adds the positions, so that the sum over the group contains them once
    const here = wpe && t.cut.rank === 0;
    const [lo] = part(vocab, t.cut);
    t.F(split.embedSplit, { tokens, wte, ...(here && { wpe }), out: x }, { R, T, C, V, lo }, { WPE: here ? 1 : 0 });
    t.allReduce('forward', x);
  } else {
    t.F(k.embed, { tokens, wte, ...(wpe && { wpe }), out: x }, { R, T, C }, { WPE: wpe ? 1 : 0 });
  }

  t.backward(() => {
    const dy = t.gradOf(x);
    const order = t.input('order', [R]);
    const starts = t.input('starts', [V + 1]);
    t.W(k.embedBack, { dy, order, starts, grad: t.paramGrad(wte) }, { V, C });
    if (wpe) t.W(k.embedPosBack, { dy, grad: t.paramGrad(wpe) }, { B: t.batch, T, C });
  });
  return x;
}
