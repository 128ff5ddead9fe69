/**
 * Llama as plain single-device code: RMSNorm, rotary positions, SwiGLU, grouped key/value heads, no biases; linears
 * stored [out, in]. Knows shapes, never the plan: tensor parallelism is the table in llama.split.ts.
 */

import type { ModelConfig } from './config';
import { rmsNorm, rotary, swiGlu } from './llama.ops';
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
  const H = C / c.heads;
  const group = c.heads / c.kvHeads;

  const x = t.border('in', [t.rows, C]);
  const qkv = linear(t, rmsNorm(t, x, 'ln1'), 'attn.qkv', [C, C + 2 * c.kvHeads * H], PLAIN);
  const attended = attention(t, rotary(t, qkv, H, group, c.ropeTheta), H, group);
  const middle = linear(t, attended, 'attn.proj', [C, C], { ...PLAIN, residual: x });
  const gateUp = linear(t, rmsNorm(t, middle, 'ln2'), 'mlp.fc', [C, 2 * c.hidden], PLAIN);
  return t.finish(x, linear(t, swiGlu(t, gateUp), 'mlp.proj', [c.hidden, C], { ...PLAIN, residual: middle }));
}

/** x [R,C] -> losses [R]. A tied head reads the embed unit's table and owns only its norm. */
export function recordHead(c: ModelConfig, options: TapeOptions): Unit {
  const t = new Tape('head', options);
  const x = t.border('in', [t.rows, c.dim]);
  const targets = t.input('targets', [t.rows]);
  const normed = rmsNorm(t, x, 'ln');
  const shape = [c.vocab, c.dim];
  const table = c.tieEmbeddings ? t.borrow('embed', 'wte', shape) : t.param('head.w', shape);
  return t.finish(x, nextTokenLoss(t, normed, table, targets, c.vocab), { x: normed, table });
}
