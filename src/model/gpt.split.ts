/**
 * Tensor-parallel table of GPT-2: parameter -> split. Unnamed parameters (norms, row biases, positions) are replicated.
 * Column splits cut the output dim, row splits the input dim; qkv is cut by head inside each of q, k and v.
 * Source: Megatron-LM, arXiv 1909.08053.
 */
import type { ModelConfig } from './config';
import type { SplitTable } from './split';

export function gptSplits(c: ModelConfig): SplitTable {
  const qkv = [c.dim, c.dim, c.dim];
  return {
    wte: { dim: 0 },
    'head.w': { dim: 0 },
    'attn.qkv.w': { dim: 1, blocks: qkv },
    'attn.qkv.b': { dim: 0, blocks: qkv },
    'attn.proj.w': { dim: 0 },
    'mlp.fc.w': { dim: 1 },
    'mlp.fc.b': { dim: 0 },
    'mlp.proj.w': { dim: 0 },
  };
}
