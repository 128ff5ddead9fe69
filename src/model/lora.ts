/**
 * LoRA (Hu et al. 2021, arXiv 2106.09685): every parameter is frozen, and some linears get an adapter, y += alpha / rank
 * (x A^T) B^T. Targets and shapes are PEFT's. Our fused linears (q, k, v and gate, up of Llama) have an adapter for each of
 * Hugging Face's linears in them, which adds to a range of their columns.
 */
import { headSizeOf, type ModelConfig } from './config';
import type { SplitTable } from './split';

/** An adapter of one linear of Hugging Face's. */
interface Adapter {
  /** Hugging Face's name of the linear below the block's prefix, e.g. `self_attn.q_proj`. */
  readonly module: string;
  /** Names of A [rank, inputs] and B [outputs, rank] in a block, without `.w`. */
  readonly a: string;
  readonly b: string;
  /** Our parameter that has the linear's weight, without `.w`, and the outputs of the linears before it in that. */
  readonly linear: string;
  readonly before: readonly number[];
  /** Tensor parallelism splits the linear's inputs, else its outputs. */
  readonly rowSplit: boolean;
  readonly inputs: number;
  readonly outputs: number;
}

/** Every linear of a block that may have an adapter: its name, the parameter, inputs, outputs. */
function linearsOf(c: ModelConfig): readonly (readonly [string, string, number, number])[] {
  const { dim: C, hidden } = c;
  if (c.arch === 'gpt2') {
    return [
      ['attn.c_attn', 'attn.qkv', C, 3 * C],
      ['attn.c_proj', 'attn.proj', C, C],
      ['mlp.c_fc', 'mlp.fc', C, hidden],
      ['mlp.c_proj', 'mlp.proj', hidden, C],
    ];
  }
  const [Q, KV] = [c.heads, c.kvHeads].map((heads) => heads * headSizeOf(c)) as [number, number];
  return [
    ['self_attn.q_proj', 'attn.qkv', C, Q],
    ['self_attn.k_proj', 'attn.qkv', C, KV],
    ['self_attn.v_proj', 'attn.qkv', C, KV],
    ['self_attn.o_proj', 'attn.proj', Q, C],
    ['mlp.gate_proj', 'mlp.fc', C, hidden],
    ['mlp.up_proj', 'mlp.fc', C, hidden],
    ['mlp.down_proj', 'mlp.proj', hidden, C],
  ];
}

/** The adapters of a block, in order; none for a model that is trained as a whole. */
export function adaptersOf(c: ModelConfig): readonly Adapter[] {
  if (!c.lora) return [];
  const { targets } = c.lora;
  const ends = new Map<string, readonly number[]>();
  const all = linearsOf(c).map(([module, linear, inputs, outputs]): Adapter => {
    const before = ends.get(linear) ?? [];
    ends.set(linear, [...before, outputs]);
    const name = `${linear}.${module.slice(module.lastIndexOf('.') + 1)}`;
    return {
      module,
      a: `${name}.lora_a`,
      b: `${name}.lora_b`,
      linear,
      before,
      rowSplit: linear.endsWith('.proj'),
      inputs,
      outputs,
    };
  });
  return all.filter(({ module }) => targets.some((target) => module.endsWith(`.${target}`)));
}

/** True for a parameter of an adapter. */
export const isOfAdapter = (param: string) => /\.lora_[ab]\.w$/.test(param);

/**
 * Tensor-parallel table of the adapters: of a linear whose inputs are split A is split like them, of one whose outputs are
 * split B is; the other of the two is on every rank.
 */
export function adapterSplits(c: ModelConfig): SplitTable {
  const splits = adaptersOf(c).map(({ module, a, b, rowSplit }) => {
    if (rowSplit) return [`${a}.w`, { dim: 1 }] as const;
    return [`${b}.w`, { dim: 0, ...(module === 'attn.c_attn' && { blocks: [c.dim, c.dim, c.dim] }) }] as const;
  });
  return Object.fromEntries(splits);
}
