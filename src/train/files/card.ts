/** The model card (README.md beside a model), written from the facts of the run that trained it. */
import type { RunFile } from '../runfile';
import { llamaCppWords } from './llamacpp';

interface CardFacts {
  readonly run: RunFile;
  /** Committed steps. */
  readonly step: number;
  readonly parameters: number;
  /** Names of the graphics adapters, each once. */
  readonly adapters: readonly string[];
  /** Loss of the last step, nats per token. */
  readonly loss: number | undefined;
  readonly heldOutLoss: number | undefined;
  /** SHA-256 of the source of the tokens; '' if it is not known. */
  readonly dataHash: string;
  /** SHA-256 of checkedTokens (llamacpp.ts). */
  readonly tokensHash: string;
}

/** The content of README.md. */
export function modelCard({
  run,
  step,
  parameters,
  adapters,
  loss,
  heldOutLoss,
  dataHash,
  tokensHash,
}: CardFacts): string {
  const { model, data, train, plan } = run;
  const nats = (value: number | undefined) =>
    value === undefined ? 'not computed' : `${value.toFixed(4)} nats a token`;
  const kind = model.arch === 'gpt2' ? 'GPT-2' : model.qkvBias ? 'Qwen2' : 'Llama';
  const row = (name: string, value: string | number) => `| ${name} | ${String(value).replaceAll('|', '\\|')} |`;
  const llamaCpp = llamaCppWords(run, tokensHash);
  return `${[
    '---',
    'library_name: transformers',
    'pipeline_tag: text-generation',
    'tags: [tabtrain]',
    '---',
    '',
    `# A ${kind} of ${parameters.toLocaleString('en-US')} parameters`,
    '',
    `Trained by Tabtrain on a cluster of ${plan.dp * plan.pp * plan.tp} ranks, for ${step} of ${train.steps} steps.`,
    '',
    '| | |',
    '|---|---|',
    row('text', data.source),
    ...(dataHash === '' ? [] : [row('SHA-256 of the text', dataHash)]),
    row('tokenizer', `${data.tokenizer}, ${model.vocab} tokens`),
    row('loss of the last step', nats(loss)),
    row('held-out loss', nats(heldOutLoss)),
    ...(train.lora
      ? [row('trained', `adapters of rank ${train.lora.rank} (LoRA, in adapter/), merged into model.safetensors`)]
      : []),
    row('plan', `dp ${plan.dp}, pp ${plan.pp}, tp ${plan.tp}, zero ${plan.zero}, ${plan.schedule}`),
    row('devices', adapters.join(', ')),
    '',
    '```python',
    'from transformers import AutoModelForCausalLM, AutoTokenizer',
    "model, tokenizer = (kind.from_pretrained('.') for kind in (AutoModelForCausalLM, AutoTokenizer))",
    '```',
    '',
    ...(llamaCpp === '' ? [] : [llamaCpp, '']),
    'The run file:',
    '',
    '```json',
    JSON.stringify(run, null, 2),
    '```',
  ].join('\n')}\n`;
}
