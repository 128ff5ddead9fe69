/**
 * GPT-2's shape (124 M parameters, 500 MB) by processes and by tabs: a step is trained, goes out whole and is resumed, and
 * no rank takes more than 1.5 times its planned memory beside what a tiny model takes. Ten runs, half an hour on two cores.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { Summary } from '../../src/cli/run/results';
import { totalOf } from '../../src/plan/sizes';
import { readHeader } from '../../src/train/files/safetensors';
import { placedTensors } from '../../src/train/files/weights';
import { parseRunFile, type RunFile } from '../../src/train/runfile';
import { type Elements, hashOf } from '../../src/train/state/elements';
import { sizeOf } from '../../src/train/state/intervals';
import { holdingUnder } from '../../src/train/state/sync';
import { worstRelative } from '../equivalence/compare';
import { readMetrics, temporaryFolder, train } from '../helpers/headless';

const VOCAB = 50257;
const GPT2 = { layers: 12, heads: 12, dim: 768, hidden: 3072 };
/** What its ranks take is the adapter's own: the program, the driver and the compiled kernels. */
const TINY = { layers: 12, heads: 1, dim: 4, hidden: 4 };
const RANKS = { nodes1: ['--nodes', '1'], nodes2: ['--nodes', '2'], tabs2: ['--tabs', '2'] } as const;

interface Cut {
  readonly name: string;
  readonly ranks: keyof typeof RANKS;
  readonly plan: Readonly<Record<string, number>>;
}
const NODES_1: Cut = { name: 'nodes 1', ranks: 'nodes1', plan: { dp: 1 } };
const ZERO_3: Cut = { name: 'nodes 2, ZeRO-3', ranks: 'nodes2', plan: { dp: 2, zero: 3 } };
const PP_2: Cut = { name: 'nodes 2, pp 2', ranks: 'nodes2', plan: { pp: 2, microbatches: 2 } };
const TABS_2: Cut = { name: 'tabs 2, DDP', ranks: 'tabs2', plan: { dp: 2 } };

/** The runs of each test: the first trains one step, each next one goes on by one. Ten runs in all. */
const CHAINS: readonly (readonly [Cut, ...Cut[]])[] = [
  [NODES_1, NODES_1, ZERO_3],
  [ZERO_3, ZERO_3, NODES_1],
  [PP_2, PP_2],
  [TABS_2, TABS_2],
];
const TIMEOUT_MS = 1_800_000;

/** Peak bytes of a rank with the tiny model, by kind of ranks. */
const owns = new Map<Cut['ranks'], number>();
const rows = [
  '| run | time | planned, MB | peak, MB | own, MB | (peak - own) / planned | adapter |',
  '|---|---|---|---|---|---|---|',
];
/** Of the steps, by whichever run came first. */
let losses: readonly number[] = [];

function writeRun(folder: string, sizes: object, plan: object): string {
  const tokens = Uint16Array.from({ length: 4_000 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 0) % VOCAB);
  writeFileSync(join(folder, 'tokens.bin'), Buffer.from(tokens.buffer));
  const model = { ...sizes, context: 64, vocab: VOCAB, tieEmbeddings: true };
  const data = { source: 'tokens:tokens.bin', order: 'sequential' };
  const path = join(folder, 'run.json');
  writeFileSync(path, JSON.stringify({ model, data, train: { globalBatch: 2, steps: 1, evalEvery: 0 }, plan }));
  return path;
}

/** Elements of the parameters in a model.safetensors. */
async function fileElements(file: FileHandle, model: Parameters<typeof placedTensors>[0]): Promise<Elements> {
  const bytes = async (from: number, to: number) => {
    const { buffer } = await file.read({ buffer: new Uint8Array(to - from), position: from });
    return buffer;
  };
  const { size: sizeBytes } = await file.stat();
  const { tensors, dataAt } = await readHeader({ sizeBytes, read: bytes });
  const places = placedTensors(model).map(({ name, ...range }) => {
    return { ...range, at: dataAt + tensors.find((tensor) => tensor.name === name)!.from };
  });
  return {
    async read(_, wanted) {
      const out = new Float32Array(sizeOf(wanted));
      let offset = 0;
      for (const { from, to } of wanted) {
        for (const place of places) {
          const [first, end] = [Math.max(from, place.from), Math.min(to, place.to)];
          if (first >= end) continue;
          const at = place.at + 4 * (first - place.from);
          out.set(new Float32Array((await bytes(at, at + 4 * (end - first))).buffer), offset + first - from);
        }
        offset += to - from;
      }
      return out;
    },
  };
}

/** The elements of the file have the hashes that the ranks took of what they held. */
async function checkFile(out: string, { plan, model }: RunFile, hashes: readonly string[]): Promise<void> {
  const file = await open(join(out, 'model.safetensors'));
  try {
    const elements = await fileElements(file, model);
    for (const [rank, hash] of hashes.entries()) {
      expect(await hashOf(elements, holdingUnder(model, { plan, rank }).param.held)).toBe(hash);
    }
  } finally {
    await file.close();
  }
}

/** Runs to the end; what summary.json says of it. */
async function runWhole(out: string, args: readonly string[]): Promise<Summary> {
  const { code, stderr } = await train([...args, '--checkpoint-every', '1']);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('peak memory of rank 0') });
  return JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
}

/** Peak bytes of a rank that trains the tiny model. */
async function ownOf(kind: Cut['ranks']): Promise<number> {
  const known = owns.get(kind);
  if (known !== undefined) return known;
  const folder = temporaryFolder(onTestFinished);
  const path = writeRun(folder, TINY, { dp: Number(RANKS[kind][1]) });
  const { ranks } = await runWhole(join(folder, 'out'), [path, ...RANKS[kind], '--out', join(folder, 'out')]);
  const own = Math.max(...ranks.map(({ peakRssBytes }) => peakRssBytes!));
  owns.set(kind, own);
  return own;
}

afterAll(() => console.info(rows.join('\n')));

test.each(CHAINS.map((chain) => ({ chain, name: chain.map(({ name }) => name).join(', then ') })))(
  '$name: each goes out whole and is resumed, within its memory',
  async ({ chain: [first, ...others] }) => {
    const folder = temporaryFolder(onTestFinished);
    const out = join(folder, 'out');
    const path = writeRun(folder, GPT2, first.plan);
    const run = parseRunFile(JSON.parse(readFileSync(path, 'utf8')));
    for (const [step, cut] of [first, ...others].entries()) {
      const fields = Object.entries({ dp: 1, pp: 1, zero: 0, microbatches: 1, ...cut.plan });
      const onward = [
        '--resume',
        out,
        `--train.steps=${step + 1}`,
        ...fields.map(([field, n]) => `--plan.${field}=${n}`),
      ];
      const t0 = performance.now();
      const { ranks, plan, weightsHash, adapter } = await runWhole(out, [
        ...(step === 0 ? [path, '--out', out] : onward),
        ...RANKS[cut.ranks],
      ]);
      const seconds = Math.round((performance.now() - t0) / 1000);
      await checkFile(out, { ...run, plan }, weightsHash);
      const found = readMetrics(out).map(({ loss }) => loss);
      expect(found).toHaveLength(step + 1);
      if (found.length > losses.length) losses = [...losses, ...found.slice(losses.length)];
      // float32 sums in another order, and AdamW carries them on
      expect(worstRelative(found, losses.slice(0, found.length))).toBeLessThan(1e-5);
      const own = await ownOf(cut.ranks);
      const planned = ranks.map((rank) => totalOf(rank.planned) + rank.plannedHostBytes);
      const peaks = ranks.map(({ peakRssBytes }) => peakRssBytes!);
      const ratios = peaks.map((peak, rank) => (peak - own) / planned[rank]!);
      const mb = (list: readonly number[]) => list.map((bytes) => Math.round(bytes / 1e6)).join(', ');
      const what = `${cut.name}${step === 0 ? '' : ', resumed'}`;
      const shares = ratios.map((ratio) => ratio.toFixed(2)).join(', ');
      rows.push(`| ${what} | ${seconds} s | ${mb(planned)} | ${mb(peaks)} | ${mb([own])} | ${shares} | ${adapter} |`);
      for (const ratio of ratios) expect(ratio).toBeLessThanOrEqual(1.5);
    }
  },
  TIMEOUT_MS,
);
