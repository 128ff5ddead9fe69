/**
 * Tensor-parallel table of Llama: parameter -> split. Unnamed parameters (norms) are replicated. Linears are stored
 * [out, in], so a column split cuts dim 0; q, k, v and gate, up are cut each by itself.
 */
import type { ModelConfig } from './model';
import type { SplitTable } from './split';

export function llamaSplits(c: ModelConfig): SplitTable {
  const KV = (c.dim / c.heads) * c.kvHeads;
  return {
    wte: { dim: 0 },
    'head.w': { dim: 0 },
    'attn.qkv.w': { dim: 0, blocks: [c.dim, KV, KV] },
    'attn.proj.w': { dim: 1 },
    'mlp.fc.w': { dim: 0, blocks: [c.hidden, c.hidden] },
    'mlp.proj.w': { dim: 1 },
  };
}
