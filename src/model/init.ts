/**
 * Initial weights: value = f(seed, name, global index), so every plan starts from the same numbers without any message.
 * GPT-2's recipe: normal(0, 0.02), projections into the residual stream divided by sqrt(2 * layers), biases 0, gains 1.
 * Adapters begin as PEFT's do: A uniform within 1 / sqrt(inputs), B 0, so that they change nothing at first.
 */
const STD = 0.02;
const RESIDUAL = ['attn.proj.w', 'mlp.proj.w'];

/**
 * The initial value of element `index` of a parameter, before any split. `unit` and `name` are e.g. 'block3' and
 * 'attn.qkv.w'; gains end in '.g', biases in '.b'. `shape` is needed of an adapter.
 */
export function initialValue(
  seed: number,
  layers: number,
  unit: string,
  name: string,
  shape: readonly number[] = [],
): (index: number) => number {
  if (name.endsWith('.g')) return () => 1;
  if (name.endsWith('.b') || name.endsWith('.lora_b.w')) return () => 0;
  if (name.endsWith('.lora_a.w')) {
    const [bound, from] = [1 / Math.sqrt(shape[1]!), hashText(`${seed}/${unit}/${name}`)];
    return (index) => bound * (2 * uniform(from, index) - 1);
  }
  const std = RESIDUAL.includes(name) ? STD / Math.sqrt(2 * layers) : STD;
  const key = hashText(`${seed}/${unit}/${name}`);
  return (index) => std * normal(key, index);
}

/** FNV-1a, 32 bits. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Uniform in (0, 1): the counter hashed twice with the key (murmur3's finalizer), 32 bits. */
function uniform(key: number, counter: number): number {
  return (mix(mix(counter ^ key) + Math.imul(key, 0x9e3779b9)) + 0.5) / 4294967296;
}

function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Standard normal number `index` of the stream `key`, by Box and Muller (1958), in float64. */
function normal(key: number, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(uniform(key, 2 * index)));
  return radius * Math.cos(2 * Math.PI * uniform(key, 2 * index + 1));
}
