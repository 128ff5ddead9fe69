/** Plans in the words of PyTorch, DeepSpeed and Megatron-LM: sizes, stages and schedules are those of the plan. */
import { expect, test } from 'vitest';
import { elsewhere } from '../../../src/pages/lecture/models/choice/elsewhere';
import { parsePlan } from '../../../src/plan/plan';

function textsOf(plan: object) {
  const parts = elsewhere(parsePlan(plan), 16);
  expect(parts.map(({ name }) => name)).toEqual(['PyTorch', 'DeepSpeed', 'Megatron-LM']);
  // ten lines or so, that students can read
  for (const { code } of parts) expect(code.length).toBeLessThanOrEqual(14);
  return parts.map(({ command, code, notes }) => [...command, ...code, ...notes].join('\n')) as [
    string,
    string,
    string,
  ];
}

test('replicas, and each stage of ZeRO', () => {
  const [torch, deepSpeed, megatron] = textsOf({ dp: 4 });
  expect(torch).toMatch(/torchrun --nproc-per-node 4 .*\n.*DistributedDataParallel\(model\)/);
  expect(deepSpeed).toMatch(/--num_gpus 4[\s\S]*"train_batch_size": 16[\s\S]*"zero_optimization": {"stage":0}/);
  expect(megatron).toContain('--micro-batch-size 4\n--global-batch-size 16');
  expect(megatron).not.toContain('distributed-optimizer');
  expect(textsOf({ dp: 4, zero: 1 })[0]).toContain('ZeroRedundancyOptimizer');
  expect(textsOf({ dp: 4, zero: 1 })[2]).toContain('--use-distributed-optimizer');
  expect(textsOf({ dp: 4, zero: 2 })[0]).toContain('fully_shard(block, reshard_after_forward=False)');
  expect(textsOf({ dp: 4, zero: 2 })[2]).toContain('optim_grads\n');
  const [sharded, stage3, fsdp] = textsOf({ dp: 4, zero: 3 });
  expect(sharded).toContain('fully_shard(block, reshard_after_forward=True)');
  expect(stage3).toContain('"zero_optimization": {"stage":3}');
  expect(fsdp).toContain('--use-megatron-fsdp\n--data-parallel-sharding-strategy optim_grads_params');
});

test('a pipeline, its chunks and schedules', () => {
  const [torch, deepSpeed, megatron] = textsOf({ pp: 4, microbatches: 4, schedule: '1f1b' });
  expect(torch).toContain('PipelineStage(part, stage_index=rank, num_stages=4');
  expect(torch).toContain('Schedule1F1B(stage, n_microbatches=4');
  expect(deepSpeed).toContain('PipelineModule(layers=layers, num_stages=4');
  expect(deepSpeed).not.toContain('Its pipeline runs 1F1B, not');
  expect(megatron).toContain('--pipeline-model-parallel-size 4');
  const chunked = textsOf({ pp: 2, chunks: 2, schedule: 'zb-v', microbatches: 4 });
  expect(chunked[0]).toContain('num_stages=4');
  expect(chunked[0]).toContain('ScheduleZBVZeroBubble(stages');
  expect(chunked[1]).toContain('1F1B, not zb-v');
  expect(chunked[2]).toContain('--num-virtual-stages-per-pipeline-rank 2');
  expect(chunked[2]).toContain('not zb-v');
  expect(textsOf({ pp: 2, schedule: 'zb-h1', microbatches: 4 })[0]).toContain(
    'torch has no zb-h1; 1F1B gives the same',
  );
});

test('columns and rows, all three axes, and what others do not have', () => {
  expect(textsOf({ tp: 2 })[0]).toContain("mesh = init_device_mesh('cuda', (2,),");
  const [torch, deepSpeed, megatron] = textsOf({ dp: 2, pp: 2, tp: 2, microbatches: 2, zero: 1 });
  expect(torch).toContain("init_device_mesh('cuda', (2, 2, 2),");
  expect(torch).toContain("'attn.qkv': ColwiseParallel(), 'attn.proj': RowwiseParallel()");
  expect(deepSpeed).toContain('"tensor_parallel": {"autotp_size":2}');
  expect(deepSpeed).toContain('Megatron-DeepSpeed');
  expect(megatron).toContain('8 ranks / (2 x 2) = 2');
  expect(megatron).toContain('--tensor-model-parallel-size 2');
  const [apart] = textsOf({ dp: 2, outer: { every: 5 } });
  expect(apart).toContain('torchft has DiLoCo');
  expect(textsOf({ dp: 2, shares: [12, 4] })[2]).toContain('Shares by speed are ours');
  expect(textsOf({ dp: 2, recompute: true })[2]).toContain('--recompute-granularity full');
});
