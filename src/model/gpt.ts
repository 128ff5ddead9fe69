/**
 * GPT-2 as plain single-device code: embed, block, head. Pre-LN, learned positions, one activation, linear biases.
 * Knows shapes, never the plan: tensor parallelism is the table in gpt.split.ts.
 */
import { type ModelConfig, normEpsOf } from './config';
import { adaptedActivation, addAdapters } from './lora.ops';
import { nextTokenLoss } from './loss';
import { attention, embed, layerNorm, linear } from './ops';
import { Tape } from './tape';
import type { TapeOptions, Unit } from './unit';

/** tokens [R] -> x [R,C] */
export function recordEmbed(c: ModelConfig, options: TapeOptions): Unit {
  const t = new Tape('embed', options);
  const tokens = t.input('tokens', [t.rows]);
  return t.finish(tokens, embed(t, tokens, c.vocab, c.dim, true));
}

/** x [R,C] -> x [R,C] */
export function recordBlock(c: ModelConfig, options: TapeOptions): Unit {
  const t = new Tape('block', options);
  const C = c.dim;
  const eps = normEpsOf(c);
  const activation = c.activation ?? 'gelu-tanh';

  const x = t.border('in', [t.rows, C]);
  const normed = layerNorm(t, x, 'ln1', eps);
  const qkv = addAdapters(t, c, normed, linear(t, normed, 'attn.qkv', [C, 3 * C]), 'attn.qkv');
  const attended = attention(t, qkv, C / c.heads);
  const projected = linear(t, attended, 'attn.proj', [C, C], { residual: x });
  const middle = addAdapters(t, c, attended, projected, 'attn.proj');
  const hidden = adaptedActivation(t, c, layerNorm(t, middle, 'ln2', eps), activation);
  const out = linear(t, hidden, 'mlp.proj', [c.hidden, C], { residual: middle });
  return t.finish(x, addAdapters(t, c, hidden, out, 'mlp.proj'));
}

/** x [R,C] -> losses [R]. A tied head reads the embed unit's table and owns only its norm. */
export function recordHead(c: ModelConfig, options: TapeOptions): Unit {
  const t = new Tape('head', options);
  const x = t.border('in', [t.rows, c.dim]);
  const targets = t.input('targets', [t.rows]);
  const normed = layerNorm(t, x, 'ln', normEpsOf(c));
  const shape = [c.vocab, c.dim];
  const table = c.tieEmbeddings ? t.borrow('embed', 'wte', shape) : t.param('head.w', shape);
  return t.finish(x, nextTokenLoss(t, normed, table, targets, c.vocab), { x: normed, table });
}
