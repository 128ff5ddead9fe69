/** What a recorded unit holds: the lists of GPT-2's block, roles, the residual's skip, collectives of a split block. */
import { expect, test } from 'vitest';
import type { Instr } from '../../../src/gpu/instr';
import type { ModelConfig } from '../../../src/model/config';
import { recordModel } from '../../../src/model/model';
import { Tape } from '../../../src/model/tape';
import type { Unit } from '../../../src/model/unit';

const CONFIG: ModelConfig = {
  arch: 'gpt2',
  layers: 3,
  heads: 2,
  kvHeads: 2,
  dim: 8,
  hidden: 16,
  context: 5,
  vocab: 11,
  tieEmbeddings: true,
  ropeTheta: 10000,
};

const unitOf = (units: readonly Unit[], name: string) => units.find((unit) => unit.name === name)!;

/** 'matmul a b > out' per dispatch, 'sum name' per collective. */
function lines(list: readonly Instr[]): string[] {
  return list.map((line) => {
    if (line.do !== 'run') return `${line.op} ${line.tensor.name}`;
    const { kernel, bind } = line;
    const names = (bindings: readonly string[]) => bindings.flatMap((name) => bind[name]?.name ?? []).join(' ');
    return `${kernel.file.replace('.wgsl', '')} ${names(kernel.reads)} > ${names(kernel.writes)}`;
  });
}

test('the lists of a GPT-2 block', () => {
  const block = unitOf(recordModel(CONFIG, 2), 'block1');
  expect(lines(block.forward)).toEqual([
    'layernorm in ln1.g ln1.b > ln1.y ln1.stats',
    'matmul ln1.y attn.qkv.w attn.qkv.b > attn.qkv.y',
    'attention attn.qkv.y > attn.out attn.lse',
    'matmul attn.out attn.proj.w attn.proj.b in > attn.proj.y',
    'layernorm attn.proj.y ln2.g ln2.b > ln2.y ln2.stats',
    'matmul ln2.y mlp.fc.w mlp.fc.b > mlp.fc.y mlp.fc.pre',
    'matmul mlp.fc.y mlp.proj.w mlp.proj.b attn.proj.y > mlp.proj.y',
  ]);
  expect(lines(block.backwardInput)).toEqual([
    'matmul d.mlp.proj.y mlp.proj.w mlp.fc.pre > d.mlp.fc.pre',
    'matmul d.mlp.fc.pre mlp.fc.w > d.ln2.y',
    'layernorm_back attn.proj.y ln2.g ln2.stats d.ln2.y d.mlp.proj.y > d.attn.proj.y ln2.parts ln2.g',
    'matmul d.attn.proj.y attn.proj.w > d.attn.out',
    'attention_back attn.qkv.y attn.out attn.lse d.attn.out > d.attn.qkv.y attn.delta',
    'attention_block_kv attn.qkv.y attn.lse attn.delta d.attn.out > d.attn.qkv.y',
    'matmul d.attn.qkv.y attn.qkv.w > d.ln1.y',
    'layernorm_back in ln1.g ln1.stats d.ln1.y d.attn.proj.y > d.in ln1.parts ln1.g',
  ]);
  expect(lines(block.backwardWeight)).toEqual([
    'matmul mlp.fc.y d.mlp.proj.y > mlp.proj.w',
    'matmul ln2.y d.mlp.fc.pre > mlp.fc.w',
    'layernorm_weight attn.proj.y ln2.stats d.ln2.y ln2.parts > ln2.g',
    'matmul attn.out d.attn.proj.y > attn.proj.w',
    'matmul ln1.y d.attn.qkv.y > attn.qkv.w',
    'layernorm_weight in ln1.stats d.ln1.y ln1.parts > ln1.g',
  ]);
});

test('parameter gradients are added, first activation gradients written', () => {
  for (const unit of recordModel(CONFIG, 2)) {
    for (const line of unit.backwardWeight) {
      if (line.do === 'run' && line.kernel.file === 'matmul.wgsl') expect(line.knobs.ACC).toBe(1);
    }
    for (const line of unit.backwardInput) {
      if (line.do === 'run' && 'ACC' in line.knobs) expect(line.knobs.ACC).toBe(0);
    }
  }
});

test('what the backward reads is saved, the rest of the forward is scratch, what crosses units is border', () => {
  const block = unitOf(recordModel(CONFIG, 2), 'block0');
  const roles = new Map<string, string>();
  for (const line of [...block.forward, ...block.backwardInput]) {
    if (line.do === 'run') for (const { name, role } of Object.values(line.bind)) roles.set(name, role);
  }
  const named = (role: string) => [...roles].filter(([, found]) => found === role).map(([name]) => name);
  // 16 C per row: x, two norms' results, q k v, mix, middle, pre-activation and activation of the MLP (hidden 2 C here)
  expect(named('saved')).toEqual([
    'ln1.y',
    'ln1.stats',
    'attn.qkv.y',
    'attn.out',
    'attn.lse',
    'attn.proj.y',
    'ln2.y',
    'ln2.stats',
    'mlp.fc.y',
    'mlp.fc.pre',
  ]);
  expect(named('border')).toEqual(['in', 'mlp.proj.y', 'd.mlp.proj.y', 'd.in']);
});

test('all blocks share one tape; a tied head owns no table', () => {
  const units = recordModel(CONFIG, 2);
  expect(units.map(({ name }) => name)).toEqual(['embed', 'block0', 'block1', 'block2', 'head']);
  expect(units[2]!.forward).toBe(units[1]!.forward);
  expect(units[4]!.params.map(({ name }) => name)).toEqual(['ln.g', 'ln.b']);
  expect(units[4]!.borrowed).toMatchObject({ owner: 'embed', name: 'wte', shape: [11, 8] });
  const untied = recordModel({ ...CONFIG, tieEmbeddings: false }, 2);
  expect(untied[4]!.params.map(({ name }) => name)).toEqual(['head.w', 'ln.g', 'ln.b']);
});

test('a split block sums twice in each direction, and one rank alone adds bias and residual', () => {
  const block = (rank: number) => unitOf(recordModel(CONFIG, 2, { size: 2, rank }), 'block0');
  const sums = (list: readonly Instr[]) => lines(list).filter((line) => line.startsWith('sum'));
  for (const rank of [0, 1]) {
    expect(sums(block(rank).forward)).toEqual(['sum attn.proj.y', 'sum mlp.proj.y']);
    expect(sums(block(rank).backwardInput)).toEqual(['sum d.ln2.y', 'sum d.ln1.y']);
    expect(sums(block(rank).backwardWeight)).toEqual([]);
  }
  expect(lines(block(0).forward)).toContain('matmul attn.out attn.proj.w attn.proj.b in > attn.proj.y');
  expect(lines(block(1).forward)).toContain('matmul attn.out attn.proj.w > attn.proj.y');
});

test('collectives of a split model: 4 per block, 1 of the embedding, 3 of the loss with its input gradient', () => {
  const units = recordModel(CONFIG, 2, { size: 2, rank: 1 });
  const count = units.map((unit) =>
    [...unit.forward, ...unit.backwardInput, ...unit.backwardWeight].reduce(
      (n, line) => n + Number(line.do !== 'run'),
      0,
    ),
  );
  expect(count).toEqual([1, 4, 4, 4, 3]);
});

test('a tape refuses two tensors of one name and a gradient that nobody gives', () => {
  const tape = new Tape('test', { batch: 1, context: 1 });
  const x = tape.make('x', [1, 4]);
  expect(() => tape.make('x', [1, 4])).toThrow('declares x twice');
  expect(() => tape.gradOf(x)).toThrow('nothing contributed a gradient to x');
});

test('tensors have the shapes their kernels are sized for', () => {
  for (const arch of ['gpt2', 'llama'] as const) {
    for (const cut of [
      { size: 1, rank: 0 },
      { size: 2, rank: 1 },
    ]) {
      const unit = unitOf(recordModel({ ...CONFIG, arch }, 3, cut), 'block0');
      for (const line of [...unit.forward, ...unit.backwardInput, ...unit.backwardWeight]) {
        if (line.do !== 'run' || line.kernel.file !== 'matmul.wgsl') continue;
        const { M, N, K } = line.params as Record<'M' | 'N' | 'K', number>;
        const floats = (name: string) => line.bind[name]!.shape.reduce((product, dim) => product * dim, 1);
        expect([floats('a'), floats('b'), floats('out')], lines([line])[0]).toEqual([M * K, K * N, M * N]);
      }
    }
  }
});
