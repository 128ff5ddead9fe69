/**
 * Tensor-parallel table of Llama: parameter -> split. Unnamed parameters (norms) are replicated. Linears are stored
 * [out, in], so a column split cuts dim 0; q, k, v and gate, up are cut each by itself. With more ranks than key/value
 * heads, tp / kvHeads neighbours hold copies of a head.
 */
import { headSizeOf, type ModelConfig } from './config';
import type { SplitTable } from './split';

export function llamaSplits(c: ModelConfig): SplitTable {
  const [Q, KV] = [c.heads, c.kvHeads].map((heads) => heads * headSizeOf(c)) as [number, number];
  const qkv = { dim: 0, blocks: [Q, KV, KV], most: [c.heads, c.kvHeads, c.kvHeads] };
  return {
    wte: { dim: 0 },
    'head.w': { dim: 0 },
    'attn.qkv.w': qkv,
    'attn.qkv.b': qkv,
    'attn.proj.w': { dim: 1 },
    'mlp.fc.w': { dim: 0, blocks: [c.hidden, c.hidden] },
    'mlp.proj.w': { dim: 1 },
  };
}
