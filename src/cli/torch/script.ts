/**
 * Writes the script that goes on with a run in PyTorch, from the parts in this folder. Only what the plan uses is in it:
 * a part begins with a line `#? FLAG` and ends with `#?`; `@NAME@` stands for a value of the run.
 */
import { PlanError } from '../../errors';
import type { ParallelPlan } from '../../plan/plan';
import { replicaShares } from '../../plan/shares';
import { stageCoord, stageSpans } from '../../plan/stages';
import { TORCH_SCHEDULES } from '../../plan/torchnames';
import { recordedSizes } from '../../train/rank/modelsizes';
import type { RunFile } from '../../train/runfile';
import cut from './cut.py?raw';
import gpt2 from './gpt2.py?raw';
import llama from './llama.py?raw';
import loop from './loop.py?raw';
import start from './start.py?raw';

interface TorchScript {
  readonly text: string;
  /** What differs from the run in tabs, one sentence each; no number does. */
  readonly notes: readonly string[];
}

/**
 * Throws PlanError for a run that torch's modules cannot go on with exactly. `bytes`: of one token in the file; `trained`:
 * the first tokens of the file, which samples are drawn from.
 */
export function torchScript(run: RunFile, bytes: number, trained: number): TorchScript {
  checkRun(run);
  const { model, train, data, plan } = run;
  const { dp, pp, tp, zero, schedule } = plan;
  const isSharded = dp > 1 && zero > 0;
  const isPlain = dp > 1 && zero === 0 && pp === 1 && tp === 1;
  const flags = {
    fsdp: isSharded,
    ddp: isPlain,
    // why not DDP: it takes neither DTensors nor several stages
    sum: dp > 1 && zero === 0 && !isPlain,
    tp: tp > 1,
    pp: pp > 1,
    loop: pp === 1,
    model: pp === 1 && !isPlain,
    tied: model.tieEmbeddings,
    tiedpp: model.tieEmbeddings && pp > 1,
    recompute: plan.recompute,
  };
  const averages = isSharded || isPlain;
  const spans = stageSpans(plan, recordedSizes(model).units(dp, tp));
  const values = {
    LAUNCH: `torchrun --nproc-per-node ${dp * pp * tp}`,
    PLAN: planWords(plan),
    MODEL: python(model),
    TRAIN: python(train),
    PLANDATA: python({ dp, pp, tp, zero, microbatches: plan.microbatches }),
    ORDER: python(data.order),
    TOKENS: python(trained),
    SHARES: python(replicaShares(train.globalBatch, plan)),
    STAGES: python(spans.map(({ first, last }) => [first, last])),
    STAGERANKS: python(spans.map(({ stage }) => stageCoord(plan, stage))),
    TOKENTYPE: bytes === 2 ? 'uint16' : 'int32',
    ACTIVATION: model.activation === 'relu' ? 'F.relu' : 'F.gelu',
    APPROXIMATE: (model.activation ?? 'gelu-tanh') === 'gelu-tanh' ? ", approximate='tanh'" : '',
    SCHEDULE: TORCH_SCHEDULES[schedule],
    PIPES: plan.chunks > 1 ? 'pipes' : 'pipes[0]',
    // why times dp: DDP and FSDP divide gradients by it, and the loss is already divided by all tokens
    BACKWARD: averages ? "(loss * PLAN['dp']).backward()" : 'loss.backward()',
    LOSS: averages ? "lambda *pair: loss_of(*pair) * PLAN['dp']" : 'loss_of',
    UNSCALE: averages ? " / PLAN['dp']" : '',
  };
  const parts = [start, model.arch === 'gpt2' ? gpt2 : llama, cut, loop];
  return { text: filled(kept(parts.join(''), flags), values), notes: notesOf(plan) };
}

function checkRun({ model, data, train, plan }: RunFile): void {
  const { pp, tp, microbatches } = plan;
  if (plan.outer) {
    throw new PlanError(
      'plan.outer lets replicas train apart, which torch has no module for: a run without it goes on',
    );
  }
  if (data.chat) {
    throw new PlanError(
      `data.chat ${data.chat} trains on answers only, which the script does not: go on with TRL or PEFT and the model in OUT`,
    );
  }
  if (train.lora) {
    throw new PlanError('train.lora trains adapters, which the script does not have: go on with PEFT and OUT/adapter');
  }
  if (train.matmulPrecision !== 'f32') {
    throw new PlanError(
      `train.matmulPrecision ${train.matmulPrecision} rounds as no module of torch does: only f32 goes on`,
    );
  }
  for (const field of ['heads', 'kvHeads', 'hidden'] as const) {
    if (model[field] % tp !== 0) {
      throw new PlanError(
        `model.${field} ${model[field]} mod plan.tp ${tp} = ${model[field] % tp}: torch cuts it evenly only; give another plan, e.g. --plan.tp=1`,
      );
    }
  }
  const uneven = pp > 1 && replicaShares(train.globalBatch, plan).find((share) => share % microbatches !== 0);
  if (uneven) {
    throw new PlanError(
      `${uneven} samples of a replica mod plan.microbatches ${microbatches} = ${uneven % microbatches}: torch's pipelines need microbatches of one size; give another number, e.g. --plan.microbatches=${pp}`,
    );
  }
}

function planWords({ dp, pp, tp, zero, schedule }: ParallelPlan): string {
  const words = [
    ...(dp > 1 && zero > 0 ? [`ZeRO-${zero} over ${dp} ranks by FSDP2`] : []),
    ...(dp > 1 && zero === 0 ? [`data parallel over ${dp} ranks`] : []),
    ...(pp > 1 ? [`a pipeline of ${pp} ranks by torch.distributed.pipelining (${TORCH_SCHEDULES[schedule]})`] : []),
    ...(tp > 1 ? [`tensor parallel over ${tp} ranks by torch.distributed.tensor.parallel`] : []),
  ];
  return words.length === 0 ? 'One rank.' : `The plan: ${words.join(',\n')}.`;
}

function notesOf({ pp, schedule, wire }: ParallelPlan): string[] {
  const other = pp > 1 && (schedule === 'zb-h1' || schedule === 'eager-1f1b');
  return [
    ...(other ? [`torch has no schedule ${schedule}: the script runs 1F1B, with the same numbers.`] : []),
    ...(wire !== 'f32' ? [`plan.wire is ${wire}: torch sends gradients as float32.`] : []),
  ];
}

/** A value as Python source. */
function python(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, field]) => `'${key}': ${python(field)}`)
    .join(', ')}}`;
}

/** The lines whose parts are all wanted. Throws for a flag that does not exist. */
function kept(text: string, flags: Readonly<Record<string, boolean>>): string {
  const open: boolean[] = [];
  const lines = text.split('\n').filter((line) => {
    const [, flag] = /^\s*#\?(?: (\w+))?$/.exec(line) ?? [];
    if (flag !== undefined) open.push(flags[flag]!);
    else if (/^\s*#\?$/.test(line)) open.pop();
    else return open.every(Boolean);
    return false;
  });
  return lines.join('\n');
}

const filled = (text: string, values: Readonly<Record<string, string>>) =>
  text.replaceAll(/@([A-Z]+)@/g, (_, name: string) => values[name]!);
