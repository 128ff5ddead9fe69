/**
 * Hugging Face's names and shapes of a model's tensors, and where each lies in our parameters. GPT-2 maps one to one
 * (linears stored [in, out]); Llama's q, k, v and gate, up are row ranges of our fused tensors (stored [out, in]).
 */
import { headSizeOf, type ModelConfig } from './config';
import { floatsOf } from './layout';
import { isOfAdapter } from './lora';
import { recordModel } from './model';

/** One tensor of a safetensors file. */
interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly unit: string;
  /** Short name of the parameter that holds it. */
  readonly param: string;
  /** First element in the whole (unsplit) parameter; the tensor is contiguous there. */
  readonly at: number;
}

/** [Hugging Face's name below the unit's prefix, rows of dim 0 or undefined for all]. */
type Part = readonly [name: string, rows?: number];

const GPT2: Readonly<Record<string, string>> = {
  wte: 'wte.weight',
  wpe: 'wpe.weight',
  'ln1.g': 'ln_1.weight',
  'ln1.b': 'ln_1.bias',
  'attn.qkv.w': 'attn.c_attn.weight',
  'attn.qkv.b': 'attn.c_attn.bias',
  'attn.proj.w': 'attn.c_proj.weight',
  'attn.proj.b': 'attn.c_proj.bias',
  'ln2.g': 'ln_2.weight',
  'ln2.b': 'ln_2.bias',
  'mlp.fc.w': 'mlp.c_fc.weight',
  'mlp.fc.b': 'mlp.c_fc.bias',
  'mlp.proj.w': 'mlp.c_proj.weight',
  'mlp.proj.b': 'mlp.c_proj.bias',
  'ln.g': 'ln_f.weight',
  'ln.b': 'ln_f.bias',
};

function llamaParts(c: ModelConfig): Readonly<Record<string, readonly Part[]>> {
  const [Q, KV] = [c.heads, c.kvHeads].map((heads) => heads * headSizeOf(c)) as [number, number];
  return {
    wte: [['embed_tokens.weight']],
    'ln1.g': [['input_layernorm.weight']],
    'attn.qkv.w': [
      ['self_attn.q_proj.weight', Q],
      ['self_attn.k_proj.weight', KV],
      ['self_attn.v_proj.weight', KV],
    ],
    'attn.qkv.b': [
      ['self_attn.q_proj.bias', Q],
      ['self_attn.k_proj.bias', KV],
      ['self_attn.v_proj.bias', KV],
    ],
    'attn.proj.w': [['self_attn.o_proj.weight']],
    'ln2.g': [['post_attention_layernorm.weight']],
    'mlp.fc.w': [
      ['mlp.gate_proj.weight', c.hidden],
      ['mlp.up_proj.weight', c.hidden],
    ],
    'mlp.proj.w': [['mlp.down_proj.weight']],
    'ln.g': [['norm.weight']],
  };
}

/** Every tensor of the model in file order, without adapters. A tied head has none of its own. */
export function namedTensors(config: ModelConfig): readonly NamedTensor[] {
  const [root, layers] = config.arch === 'gpt2' ? ['transformer.', 'h'] : ['model.', 'layers'];
  const llama = llamaParts(config);
  const partsOf = (param: string): readonly Part[] =>
    config.arch === 'gpt2' ? [[GPT2[param]!]] : (llama[param] as readonly Part[]);
  return recordModel(config, 1).flatMap((unit) => {
    const block = unit.name.startsWith('block') ? `${layers}.${unit.name.slice('block'.length)}.` : '';
    const own = unit.params.filter(({ name: param }) => !isOfAdapter(param));
    return own.flatMap(({ name: param, global }) => {
      if (param === 'head.w') return [{ name: 'lm_head.weight', shape: global, unit: unit.name, param, at: 0 }];
      let at = 0;
      return partsOf(param).map(([name, rows]) => {
        const shape = rows === undefined ? global : [rows, ...global.slice(1)];
        const tensor = { name: `${root}${block}${name}`, shape, unit: unit.name, param, at };
        at += floatsOf(shape);
        return tensor;
      });
    });
  });
}
