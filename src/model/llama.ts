/**
 * Llama as plain single-device code: RMSNorm, rotary positions, SwiGLU, grouped key/value heads. The only biases are
 * those of q, k and v in Qwen2. Linears are stored [out, in]. Knows shapes, never the plan: tensor parallelism is the
 * table in llama.split.ts.
 */
import { headSizeOf, type ModelConfig, normEpsOf } from './config';
import { rmsNorm, rotary, swiGlu } from './llama.ops';
import { addAdapters } from './lora.ops';
import { nextTokenLoss } from './loss';
import { attention, embed, linear } from './ops';
import { Tape } from './tape';
import type { TapeOptions, Unit } from './unit';

const PLAIN = { bias: false, transposed: true } as const;

/** tokens [R] -> x [R,C] */
export function recordEmbed(c: ModelConfig, options: TapeOptions): Unit {
  const t = new Tape('embed', options);
  const tokens = t.input('tokens', [t.rows]);
  return t.finish(tokens, embed(t, tokens, c.vocab, c.dim, false));
}

/** x [R,C] -> x [R,C] */
export function recordBlock(c: ModelConfig, options: TapeOptions): Unit {
  const t = new Tape('block', options);
  const C = c.dim;
  const H = headSizeOf(c);
  const Q = c.heads * H;
  const group = c.heads / c.kvHeads;
  const eps = normEpsOf(c);
  const bias = c.qkvBias ?? false;

  const x = t.border('in', [t.rows, C]);
  const first = rmsNorm(t, x, 'ln1', eps);
  const fused = linear(t, first, 'attn.qkv', [C, Q + 2 * c.kvHeads * H], { ...PLAIN, bias });
  const qkv = addAdapters(t, c, first, fused, 'attn.qkv');
  const rotation = { theta: c.ropeTheta, scaling: c.ropeScaling };
  const attended = attention(t, rotary(t, qkv, H, group, rotation), H, group);
  const projected = linear(t, attended, 'attn.proj', [Q, C], { ...PLAIN, residual: x });
  const middle = addAdapters(t, c, attended, projected, 'attn.proj');
  const second = rmsNorm(t, middle, 'ln2', eps);
  const gateUp = addAdapters(t, c, second, linear(t, second, 'mlp.fc', [C, 2 * c.hidden], PLAIN), 'mlp.fc');
  const gated = swiGlu(t, gateUp);
  const out = linear(t, gated, 'mlp.proj', [c.hidden, C], { ...PLAIN, residual: middle });
  return t.finish(x, addAdapters(t, c, gated, out, 'mlp.proj'));
}

/** x [R,C] -> losses [R]. A tied head reads the embed unit's table and owns only its norm. */
export function recordHead(c: ModelConfig, options: TapeOptions): Unit {
  const t = new Tape('head', options);
  const x = t.border('in', [t.rows, c.dim]);
  const targets = t.input('targets', [t.rows]);
  const normed = rmsNorm(t, x, 'ln', normEpsOf(c));
  const shape = [c.vocab, c.dim];
  const table = c.tieEmbeddings ? t.borrow('embed', 'wte', shape) : t.param('head.w', shape);
  return t.finish(x, nextTokenLoss(t, normed, table, targets, c.vocab), { x: normed, table });
}
