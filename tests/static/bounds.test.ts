/**
 * What an AMD compiler makes of the kernels that graphics chips run today, so that no change makes it worse unseen: threads,
 * registers, spills, and the share of multiply-adds in what the hot loop issues. Static figures, every index clamped as
 * browsers do; no time is measured. Attention by four threads spills: those are the numbers to bring down.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { type ShaderText, shaderTexts } from '../bench/gpu/shaders';
import { type Chip, compileAll, missing } from './compiler';
import type { Figures } from './listing';

interface Bound {
  /** The kernels it is for, by name: file and knobs. The first one that fits counts. */
  readonly of: RegExp;
  readonly lanes: number;
  readonly registers: number;
  readonly spilled?: number;
  readonly share?: number;
}

const BOUNDS: readonly Bound[] = [
  { of: /^matmul_(tile|half)/, lanes: 256, registers: 40, share: 0.31 },
  { of: /^matmul_splitk/, lanes: 256, registers: 48, share: 0.28 },
  { of: /^matmul\.wgsl/, lanes: 32, registers: 128, share: 0.46 },
  { of: /^attention\.wgsl HEAD=(16|32)/, lanes: 4, registers: 184, share: 0.51 },
  { of: /^attention\.wgsl HEAD=64/, lanes: 4, registers: 256, spilled: 122, share: 0.66 },
  { of: /^attention_back_q\.wgsl HEAD=(16|32|64)/, lanes: 4, registers: 256, spilled: 101, share: 0.5 },
  { of: /^attention_back_kv\.wgsl HEAD=(16|32)/, lanes: 4, registers: 256, spilled: 378, share: 0.34 },
  { of: /^attention_back_kv\.wgsl HEAD=64/, lanes: 4, registers: 256, spilled: 1406, share: 0.28 },
  { of: /./, lanes: 1, registers: 48 },
];

const isAll = process.env.TABTRAIN_KERNELS === 'all';

/** One text of each tiling, form and head size; TABTRAIN_KERNELS=all: every epilogue as well. */
function chosen(texts: readonly ShaderText[]): readonly ShaderText[] {
  if (isAll) return texts;
  const seen = new Map<string, ShaderText>();
  for (const text of texts) {
    const form = text.name.replace(/ (ACC|BIAS|BIASGRAD|EPI|TAIL|SKIP|FIRST|LAST|LOSS|GRAD|WPE|INV)=\d/g, '');
    if (!seen.has(form)) seen.set(form, text);
  }
  return [...seen.values()];
}

const reason = missing();
if (reason) console.info(reason);

describe.skipIf(reason)('static figures', () => {
  // why not heads of 128: their compiling takes as long as all the rest; the quad files are for software adapters
  const texts = chosen(shaderTexts().filter(({ name }) => !/_quad|HEAD=128/.test(name)));
  const rows: Record<string, Partial<Figures>> = {};

  afterAll(() => console.table(rows));

  test.each<Chip>(['navi21'])('%s', (chip) => {
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

/** What is worse than the bounds, as sentences. */
function missesOf(name: string, got: Figures): readonly string[] {
  const { lanes, registers, spilled = 0, share = 0 } = BOUNDS.find(({ of }) => of.test(name))!;
  const misses: string[] = [];
  if (got.lanes < lanes) misses.push(`${name}: ${got.lanes} lanes, below ${lanes}`);
  if (got.share < share) misses.push(`${name}: share ${got.share.toFixed(2)}, below ${share}`);
  if (got.registers > registers) misses.push(`${name}: ${got.registers} registers, above ${registers}`);
  if (got.spilled > spilled) misses.push(`${name}: ${got.spilled} spilled registers, above ${spilled}`);
  if (got.shared > 16_384) misses.push(`${name}: ${got.shared} bytes of workgroup memory, above 16384`);
  return misses;
}
