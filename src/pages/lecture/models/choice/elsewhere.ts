/**
 * A plan in the words of PyTorch, DeepSpeed and Megatron-LM: how the same cut is started and written there, and what is not
 * the same. Names are those of their documentation in 2026: torch.distributed (DDP, FSDP2, pipelining, tensor.parallel),
 * deepspeed.ai (ZeRO, PipelineModule, AutoTP), Megatron-Core (distributed optimizer, Megatron-FSDP). Pure.
 */
import { isApproximate, type ParallelPlan } from '../../../../plan/plan';
import { TORCH_SCHEDULES } from '../../../../plan/torchnames';

interface Elsewhere {
  readonly name: string;
  /** The command, or its flags, one a line. */
  readonly command: readonly string[];
  /** Lines of code or of a configuration. */
  readonly code: readonly string[];
  /** What differs there, one sentence each. */
  readonly notes: readonly string[];
}

/** `globalBatch`: samples of a step. */
export function elsewhere(plan: ParallelPlan, globalBatch: number): readonly Elsewhere[] {
  return [inTorch(plan), inDeepSpeed(plan, globalBatch), inMegatron(plan, globalBatch)];
}

const ranksOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

function inTorch(plan: ParallelPlan): Elsewhere {
  const { dp, pp, tp, zero, microbatches, schedule } = plan;
  const axes = (['dp', 'pp', 'tp'] as const).filter((axis) => plan[axis] > 1);
  const isMesh = axes.length > 1 || tp > 1;
  const shards = isMesh ? ", mesh=mesh['dp']" : '';
  const keeps = `reshard_after_forward=${zero === 3 ? 'True' : 'False'}`;
  const code = [
    ...(isMesh
      ? [
          `mesh = init_device_mesh('cuda', ${tuple(axes.map((axis) => `${plan[axis]}`))},`,
          `                        mesh_dim_names=${tuple(axes.map((axis) => `'${axis}'`))})`,
        ]
      : []),
    ...(tp > 1
      ? [
          'for block in model.blocks:',
          "    parallelize_module(block, mesh['tp'], {",
          "        'attn.qkv': ColwiseParallel(), 'attn.proj': RowwiseParallel(),",
          "        'mlp.up': ColwiseParallel(), 'mlp.down': RowwiseParallel()})",
        ]
      : []),
    ...(plan.recompute ? ['apply_activation_checkpointing(model, check_fn=lambda m: isinstance(m, Block))'] : []),
    ...(dp > 1 && zero >= 2
      ? [`for block in model.blocks: fully_shard(block${shards}, ${keeps})`, `fully_shard(model${shards})`]
      : []),
    ...(dp > 1 && zero < 2 && !isMesh ? ['model = DistributedDataParallel(model)'] : []),
    zero === 1 && dp > 1
      ? `optimizer = ZeroRedundancyOptimizer(model.parameters(), AdamW, lr=lr${isMesh ? ", process_group=mesh['dp'].get_group()" : ''})`
      : 'optimizer = AdamW(model.parameters(), lr=lr)',
    ...(pp > 1
      ? [
          `stage = PipelineStage(part, stage_index=rank, num_stages=${pp * plan.chunks}, device=device)`,
          `schedule = ${TORCH_SCHEDULES[schedule]}(${plan.chunks > 1 ? 'stages' : 'stage'}, n_microbatches=${microbatches}, loss_fn=loss_fn)`,
          'schedule.step(tokens) if is_first else schedule.step(target=targets)',
        ]
      : ['loss_fn(model(tokens), targets).backward()']),
    ...(dp > 1 && zero < 2 && isMesh
      ? [`for p in model.parameters(): all_reduce(p.grad, group=mesh['dp'].get_group())`]
      : []),
    'optimizer.step()',
  ];
  const notes = [
    ...(TORCH_SCHEDULES[schedule] === 'Schedule1F1B' && schedule !== '1f1b' && pp > 1
      ? [`torch has no ${schedule}; 1F1B gives the same numbers.`]
      : []),
    ...unlike(plan, 'torchft has DiLoCo (torchft.local_sgd); DDP takes fewer bits by a communication hook.'),
    'npm run continue writes the whole program for a run of yours.',
  ];
  return { name: 'PyTorch', command: [`torchrun --nproc-per-node ${ranksOf(plan)} train.py`], code, notes };
}

function inDeepSpeed(plan: ParallelPlan, globalBatch: number): Elsewhere {
  const { pp, tp, dp, zero, microbatches, schedule } = plan;
  const stage = dp > 1 ? zero : 0;
  const config = {
    train_batch_size: globalBatch,
    gradient_accumulation_steps: microbatches,
    zero_optimization: { stage },
    ...(tp > 1 && { tensor_parallel: { autotp_size: tp } }),
  };
  const code = [
    ...Object.entries(config).map(([key, value], i) => `${i === 0 ? '{' : ' '} "${key}": ${JSON.stringify(value)},`),
    '}',
    ...(pp > 1 ? [`model = PipelineModule(layers=layers, num_stages=${pp}, loss_fn=loss_fn)`] : []),
    "engine, *_ = deepspeed.initialize(model=model, config='ds.json')",
    ...(pp > 1
      ? ['engine.train_batch(batches)']
      : ['engine.backward(loss_fn(engine(tokens), targets))', 'engine.step()']),
  ];
  const notes = [
    ...(pp > 1 && stage > 1 ? ['Its pipeline takes ZeRO-1 at most.'] : []),
    ...(pp > 1 && schedule !== '1f1b' ? [`Its pipeline runs 1F1B, not ${schedule}.`] : []),
    ...(tp > 1 && stage > 2 ? ['AutoTP takes ZeRO-2 at most.'] : []),
    ...(tp > 1 && pp > 1 ? ['Tensor parallelism inside its pipeline is that of Megatron-DeepSpeed.'] : []),
    ...unlike(plan, 'It has no DiLoCo; 1-bit Adam sends fewer bits.'),
  ];
  return {
    name: 'DeepSpeed',
    command: [`deepspeed --num_gpus ${ranksOf(plan)} train.py --deepspeed ds.json`],
    code,
    notes,
  };
}

function inMegatron(plan: ParallelPlan, globalBatch: number): Elsewhere {
  const { dp, pp, tp, zero, chunks, microbatches, schedule } = plan;
  const strategy = zero === 3 ? 'optim_grads_params' : 'optim_grads';
  const code = [
    `--tensor-model-parallel-size ${tp}`,
    `--pipeline-model-parallel-size ${pp}`,
    ...(chunks > 1 ? [`--num-virtual-stages-per-pipeline-rank ${chunks}`] : []),
    `--micro-batch-size ${Math.ceil(globalBatch / (dp * microbatches))}`,
    `--global-batch-size ${globalBatch}`,
    ...(dp > 1 && zero > 0 ? ['--use-distributed-optimizer'] : []),
    ...(dp > 1 && zero > 1
      ? ['--use-megatron-fsdp', `--data-parallel-sharding-strategy ${strategy}`, '--no-gradient-accumulation-fusion']
      : []),
    ...(plan.recompute ? ['--recompute-granularity full --recompute-method uniform', '--recompute-num-layers 1'] : []),
  ];
  const isOther = pp > 1 && schedule !== '1f1b' && schedule !== 'interleaved';
  const notes = [
    `Data parallel is what is left: ${ranksOf(plan)} ranks / (${pp} x ${tp}) = ${dp}.`,
    ...(isOther ? [`It runs 1F1B, or interleaved 1F1B, not ${schedule}.`] : []),
    ...(zero > 1 && pp > 1 && dp > 1
      ? ['Megatron-FSDP is documented beside tensor parallelism, not beside a pipeline.']
      : []),
    ...unlike(plan, 'It has no DiLoCo.'),
  ];
  return { name: 'Megatron-LM', command: [`torchrun --nproc-per-node ${ranksOf(plan)} pretrain_gpt.py`], code, notes };
}

/** In Python, a tuple of one has a comma. */
const tuple = (items: readonly string[]) => `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;

/** `apart`: what a program has for plans that are approximate. */
function unlike(plan: ParallelPlan, apart: string): readonly string[] {
  const isUneven = plan.shares !== undefined || plan.stageUnits !== undefined;
  return [
    ...(isApproximate(plan) ? [apart] : []),
    ...(isUneven ? ['Shares by speed are ours: there all ranks get equal parts.'] : []),
  ];
}
