/** Reads the small files of a model's folder that a model takes along when it goes out again. */
import { InputError } from '../../errors';
import type { Beside } from '../data/beside';
import type { Folder } from './modelfolder';

/** Fields of tokenizer_config.json that change what a chat or a reader of special tokens sees, and no token number. */
const TOKENIZER_FIELDS = [
  ...['bos_token', 'eos_token', 'pad_token', 'unk_token', 'cls_token', 'sep_token', 'mask_token'],
  ...['additional_special_tokens', 'extra_special_tokens', 'chat_template', 'model_input_names'],
  ...['padding_side', 'truncation_side'],
];
const IDS = ['bos_token_id', 'eos_token_id', 'pad_token_id'];
/** Fields of generation_config.json beside the numbers of tokens; they count only where texts are sampled. */
const SAMPLING = ['do_sample', 'temperature', 'top_k', 'top_p', 'min_p', 'typical_p', 'repetition_penalty'];

type Fields = Readonly<Record<string, unknown>>;

/** `tokenizer` is the content of tokenizer.json. Throws InputError for a file that is not a JSON object. */
export function readBeside(folder: Folder, tokenizer: string): Beside {
  const given = (name: string) => (folder.names.includes(name) ? fieldsIn(folder, name) : {});
  const config = picked(given('config.json'), IDS);
  const generation = given('generation_config.json');
  const ids = { ...config, ...picked(generation, IDS) };
  const sampling = generation.do_sample === true ? picked(generation, SAMPLING) : {};
  const { added_tokens: added, pre_tokenizer: first } = fieldsOf(parsed(tokenizer));
  const names = { ...namesOf(ids, added), ...given('special_tokens_map.json'), ...given('tokenizer_config.json') };
  const template = folder.names.includes(TEMPLATE) ? { chat_template: textOf(folder, TEMPLATE) } : {};
  // why: transformers sets it to false otherwise, whatever tokenizer.json says
  const prefix = fieldsOf(first).add_prefix_space === true ? { add_prefix_space: true } : {};
  return {
    tokenizer: { ...picked(names, TOKENIZER_FIELDS), ...template, ...prefix },
    config,
    generation: { ...ids, ...sampling },
  };
}

const TEMPLATE = 'chat_template.jinja';
const textOf = (folder: Folder, name: string) => new TextDecoder().decode(folder.read(name));

/** The special tokens by the numbers of config.json, where no file names them: that of GPT-2 is in its class only. */
function namesOf(ids: Fields, added: unknown): Fields {
  const byId = new Map(
    (Array.isArray(added) ? added : []).map((token) => {
      const { id, content } = fieldsOf(token);
      return [id, content] as const;
    }),
  );
  return Object.fromEntries(
    IDS.flatMap((field) => {
      const content = byId.get([ids[field]].flat()[0]);
      return typeof content === 'string' ? [[field.replace(/_id$/, ''), content]] : [];
    }),
  );
}

/** The fields that have a value. */
const picked = (from: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(names.flatMap((name) => ((from[name] ?? null) === null ? [] : [[name, from[name]]])));

/** The value of a JSON text, undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Nothing where `value` is not an object: who reads tokenizer.json for its tokens says what is wrong with it. */
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

function fieldsIn(folder: Folder, name: string): Fields {
  const value = parsed(textOf(folder, name));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${name} of the model is not a JSON object; take it out of the folder or repair it`);
  }
  return value as Fields;
}
