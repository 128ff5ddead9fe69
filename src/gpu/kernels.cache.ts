/**
 * The descriptors of the kernels for decoding, which keep the keys and values of earlier tokens in a cache. Letters and
 * rules: kernels.ts. A cache has T rows [k NKV*H | v NKV*H], one for each position.
 */

import { gridOf, knob } from './grid';
import { defineKernel } from './kernel';

/** cache[first + r] = the k and v part of row r of qkv rows [q N*H | k NKV*H | v NKV*H]; rows beyond T are left out. */
export const cacheStore = defineKernel({
  file: 'cache_store.wgsl',
  reads: ['qkv'],
  writes: ['cache'],
  params: { R: 'u32', T: 'u32', N: 'u32', NKV: 'u32', H: 'u32', first: 'u32' },
  variants: [{ WG: 64 }],
  grid: (p, knobs) => gridOf(2 * p.R! * p.NKV! * p.H!, knob(knobs, 'WG')),
});

/** out[R,N*H]: row r of qkv attends to the rows 0 .. first + r of the cache; scale 1/sqrt(H). */
export const attentionCached = defineKernel({
  file: 'attention_cached.wgsl',
  reads: ['qkv', 'cache'],
  writes: ['out'],
  params: { R: 'u32', T: 'u32', N: 'u32', NKV: 'u32', H: 'u32', first: 'u32' },
  variants: [{ WG: 16 }],
  knobsFor: (p) => ({ HEAD: p.H! }),
  grid: (p) => [p.R!, p.N!],
});
