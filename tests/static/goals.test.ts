/**
 * What an AMD compiler makes of the kernels that graphics chips run, held to goals: threads, registers, no spill, the share
 * of multiply-adds in what the hot loop issues, and multiply-adds per 4 bytes that it loads. Static figures, every index
 * clamped as browsers do; no time is measured.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { type ShaderText, shaderTexts } from '../bench/gpu/shaders';
import { type Chip, compileAll, missing } from './compiler';
import type { Figures } from './listing';

interface Goal {
  /** The kernels it is for, by name: file and knobs. The first one that fits counts. */
  readonly of: RegExp;
  readonly lanes: number;
  readonly registers: number;
  readonly spilled?: number;
  readonly share?: number;
  readonly reuse?: number;
}

const GOALS: readonly Goal[] = [
  // The bias gradient's additions stand in the loop, though only the workgroups of the first rows run them.
  // In f16 those additions are multiply-adds that convert, so the loop around the hot one has most of them and is measured.
  { of: /^matmul_half4\.wgsl .*BIASGRAD=1.* TM=8 TN=8/, lanes: 256, registers: 128, share: 0.62, reuse: 8 },
  { of: /^matmul_tile\.wgsl .*BIASGRAD=1.* TM=8 TN=8/, lanes: 256, registers: 128, share: 0.86, reuse: 32 },
  { of: /^matmul_(tile1?|half4?)\.wgsl .*BIASGRAD=1/, lanes: 64, registers: 96, share: 0.62, reuse: 8 },
  { of: /^matmul_(tile|half4)\.wgsl .* TM=8 TN=8/, lanes: 256, registers: 128, share: 0.86, reuse: 32 },
  { of: /^matmul_(tile|half4)\.wgsl .* TM=8 TN=4/, lanes: 128, registers: 96, share: 0.78, reuse: 16 },
  { of: /^matmul_(tile|half4)\.wgsl .* TM=4 TN=4/, lanes: 64, registers: 72, share: 0.67, reuse: 8 },
  { of: /^matmul_(tile1|half)\.wgsl/, lanes: 128, registers: 104, share: 0.61, reuse: 16 },
  // Tried, but the first guess for no size.
  { of: /^matmul_splitk/, lanes: 256, registers: 48, share: 0.28 },
  { of: /^matmul\.wgsl/, lanes: 32, registers: 128, share: 0.46 },
  { of: /^attention_block\.wgsl .*HEAD=16/, lanes: 128, registers: 128, share: 0.55, reuse: 11 },
  { of: /^attention_block\.wgsl .*HEAD=32/, lanes: 128, registers: 128, share: 0.63, reuse: 11 },
  { of: /^attention_block\.wgsl/, lanes: 128, registers: 128, share: 0.7, reuse: 18 },
  { of: /^attention_block_q\.wgsl .*HEAD=16/, lanes: 128, registers: 136, share: 0.58, reuse: 7 },
  { of: /^attention_block_q\.wgsl .*HEAD=32/, lanes: 128, registers: 128, share: 0.64, reuse: 11 },
  // The second tiling, with half as many rows and threads.
  { of: /^attention_block_q\.wgsl .*WY=8/, lanes: 128, registers: 136, share: 0.71, reuse: 16 },
  { of: /^attention_block_q\.wgsl/, lanes: 256, registers: 128, share: 0.73, reuse: 18 },
  { of: /^attention_block_kv\.wgsl .*HEAD=16/, lanes: 128, registers: 136, share: 0.61, reuse: 8 },
  { of: /^attention_block_kv\.wgsl .*HEAD=32/, lanes: 128, registers: 128, share: 0.68, reuse: 11 },
  { of: /^attention_block_kv\.wgsl .*WY=8/, lanes: 128, registers: 128, share: 0.74, reuse: 18 },
  { of: /^attention_block_kv\.wgsl/, lanes: 256, registers: 168, share: 0.76, reuse: 18 },
  { of: /^(layer|rms)norm_lanes/, lanes: 256, registers: 56 },
  { of: /^(layer|rms)norm_back_lanes/, lanes: 256, registers: 96 },
  { of: /_(lanes|fold)\.wgsl|^adamw4|^swiglu|^rope|^embed/, lanes: 256, registers: 48 },
  { of: /./, lanes: 64, registers: 48 },
];

const isAll = process.env.TABTRAIN_KERNELS === 'all';

/** One text of each tiling, form and head size; TABTRAIN_KERNELS=all: every epilogue as well. */
function chosen(texts: readonly ShaderText[]): readonly ShaderText[] {
  if (isAll) return texts;
  const seen = new Map<string, ShaderText>();
  for (const text of texts) {
    const form = text.name.replace(/ (ACC|BIAS|EPI|TAIL|SKIP|FIRST|LAST|LOSS|GRAD|WPE|INV)=\d/g, '');
    if (!seen.has(form)) seen.set(form, text);
  }
  return [...seen.values()];
}

const reason = missing();
if (reason) console.info(reason);

describe.skipIf(reason)('static figures', () => {
  const texts = chosen(shaderTexts('chip'));
  const rows: Record<string, Partial<Figures>> = {};

  afterAll(() => console.table(rows));

  test.each<Chip>(['navi21', 'gfx1100'])('%s', (chip) => {
    const compiled = compileAll(new Map(texts.map(({ name, text }) => [name, text])), chip);
    const missed: string[] = [];
    for (const [name, one] of compiled) {
      if ('refused' in one) {
        missed.push(`${name}: ${one.refused}`);
        continue;
      }
      const { figures } = one;
      rows[name] = figures;
      missed.push(...missesOf(name, figures));
    }
    expect(missed).toEqual([]);
    expect(compiled.size).toBe(texts.length);
  });
});

/** What misses the goals, as sentences. */
function missesOf(name: string, got: Figures): readonly string[] {
  const { lanes, registers, spilled = 0, share = 0, reuse = 0 } = GOALS.find(({ of }) => of.test(name))!;
  const misses: string[] = [];
  if (got.lanes < lanes) misses.push(`${name}: ${got.lanes} lanes, below ${lanes}`);
  if (got.share < share) misses.push(`${name}: share ${got.share.toFixed(2)}, below ${share}`);
  if (got.reuse < reuse) misses.push(`${name}: ${got.reuse.toFixed(1)} multiply-adds per 4 bytes, below ${reuse}`);
  if (got.registers > registers) misses.push(`${name}: ${got.registers} registers, above ${registers}`);
  if (got.spilled > spilled) misses.push(`${name}: ${got.spilled} spilled registers, above ${spilled}`);
  if (got.shared > 16_384) misses.push(`${name}: ${got.shared} bytes of workgroup memory, above 16384`);
  return misses;
}
