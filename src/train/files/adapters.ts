/**
 * The adapters of a LoRA run as files: in the layout of Hugging Face's PEFT, and merged into the weights of the model,
 * W + alpha / rank (B A), so that other programs need no PEFT.
 */
import type { LoraConfig, ModelConfig } from '../../model/config';
import { adaptersOf, isOfAdapter } from '../../model/lora';
import { seedElements } from '../state/elements';
import { wholeModel } from '../state/holding';
import { type Intervals, rankIn, sizeOf, union } from '../state/intervals';
import { writeSafetensors } from './safetensors';
import { placedTensors, readModelFile, type WholeWeights } from './weights';

/** The files of PEFT, by their names in a run's output folder. */
interface AdapterFiles {
  readonly 'adapter/adapter_config.json': string;
  readonly 'adapter/adapter_model.safetensors': Uint8Array<ArrayBuffer>;
}

/** The addresses of all adapters; empty for a run without. */
export function adapterAddresses(config: ModelConfig): Intervals {
  const own = wholeModel(config).filter(({ name }) => isOfAdapter(name));
  return union(own.map(({ at, floats }) => ({ from: at, to: at + floats })));
}

/** What a run starts from: the weights in a file, and the seed's adapters, which the file lacks. */
export async function startWeights(config: ModelConfig, seed: number, file: Uint8Array): Promise<WholeWeights> {
  const weights = readModelFile(config, file);
  for (const run of adapterAddresses(config)) {
    weights.set(await seedElements(config, seed).read('param', [run]), run.from);
  }
  return weights;
}

/** A tensor of an adapter under PEFT's name, and the addresses of its elements. */
interface AdapterTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** An adapter of one block, and where the weight is that it changes. */
interface Placed {
  readonly a: AdapterTensor;
  readonly b: AdapterTensor;
  readonly from: number;
  readonly to: number;
  /** Length of a row of the weight. */
  readonly columns: number;
}

/** Every adapter of a LoRA run. */
export function placedAdapters(config: ModelConfig): readonly Placed[] {
  const params = new Map(wholeModel(config).map((param) => [`${param.unitName}/${param.name}`, param]));
  const tensors = new Map(placedTensors(config).map((tensor) => [tensor.name, tensor]));
  const prefix = config.arch === 'gpt2' ? 'transformer.h' : 'model.layers';
  return Array.from({ length: config.layers }, (_, block) => block).flatMap((block) =>
    adaptersOf(config).map(({ module, a, b }) => {
      const path = `${prefix}.${block}.${module}`;
      const { from, to, shape } = tensors.get(`${path}.weight`)!;
      const tensorOf = (name: string, kind: 'A' | 'B'): AdapterTensor => {
        const { at, floats, shape: own } = params.get(`block${block}/${name}.w`)!;
        return { name: `base_model.model.${path}.lora_${kind}.weight`, shape: own, from: at, to: at + floats };
      };
      return { a: tensorOf(a, 'A'), b: tensorOf(b, 'B'), from, to, columns: shape[1]! };
    }),
  );
}

/** The adapters of a run, given by their values at `adapterAddresses`. */
export class Adapters {
  readonly #held: Intervals;
  readonly #placed: readonly Placed[];

  constructor(
    readonly config: ModelConfig & { readonly lora: LoraConfig },
    readonly values: Float32Array,
  ) {
    this.#held = adapterAddresses(config);
    this.#placed = placedAdapters(config);
  }

  /** Add the adapters to `values`, the weights at the addresses `piece`, in place. */
  merge(piece: Intervals, values: Float32Array): void {
    const { arch, lora } = this.config;
    const { rank, alpha } = lora;
    for (const { a, b, from, to, columns } of this.#placed) {
      const [left, right] = [this.#valuesOf(a), this.#valuesOf(b)];
      const inputs = a.shape[1]!;
      let offset = 0;
      for (const run of piece) {
        for (let at = Math.max(run.from, from); at < Math.min(run.to, to); at++) {
          const [row, column] = [Math.floor((at - from) / columns), (at - from) % columns];
          const [input, output] = arch === 'gpt2' ? [row, column] : [column, row];
          let sum = 0;
          for (let r = 0; r < rank; r++) sum += left[r * inputs + input]! * right[output * rank + r]!;
          values[offset + at - run.from]! += (alpha / rank) * sum;
        }
        offset += run.to - run.from;
      }
    }
  }

  /** The files of PEFT: `PeftModel.from_pretrained(model, 'adapter')` loads them. */
  files(): AdapterFiles {
    const { arch, lora } = this.config;
    const config = {
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: null,
      r: lora.rank,
      lora_alpha: lora.alpha,
      target_modules: lora.targets,
      lora_dropout: 0,
      bias: 'none',
      fan_in_fan_out: arch === 'gpt2',
      inference_mode: true,
    };
    const tensors = this.#placed
      .flatMap(({ a, b }) => [a, b])
      .map((tensor) => ({ name: tensor.name, shape: tensor.shape, data: this.#valuesOf(tensor) }));
    return {
      'adapter/adapter_config.json': `${JSON.stringify(config, null, 2)}\n`,
      'adapter/adapter_model.safetensors': new Uint8Array(writeSafetensors(tensors)),
    };
  }

  #valuesOf({ from, to }: AdapterTensor): Float32Array {
    const first = rankIn(this.#held, from);
    return this.values.subarray(first, first + to - from);
  }
}

/** True for the model of a LoRA run. */
export const hasAdapters = (config: ModelConfig): config is ModelConfig & { readonly lora: LoraConfig } =>
  config.lora !== undefined;

/** The adapters in the whole weights of a LoRA run. */
export function adaptersIn(config: ModelConfig & { readonly lora: LoraConfig }, weights: WholeWeights): Adapters {
  const held = adapterAddresses(config);
  const values = new Float32Array(sizeOf(held));
  let offset = 0;
  for (const { from, to } of held) {
    values.set(weights.subarray(from, to), offset);
    offset += to - from;
  }
  return new Adapters(config, values);
}
