/** Tilings that promise the bits of each other, on sizes of real models. */
import type { Tensor } from '../../../src/gpu/instr';
import type { Kernel, Knobs, Params, Twin } from '../../../src/gpu/kernel';
import * as k from '../../../src/gpu/kernels';
import type { Solo } from '../../../src/worker/chip/solo';

interface Case {
  readonly what: string;
  readonly kernel: Kernel;
  readonly params: Params;
  readonly knobs: Knobs;
  /** Floats of each binding; the last is what is compared. */
  readonly bind: Readonly<Record<string, number>>;
}

const product = (M: number, N: number, K: number, knobs: Knobs): Case => ({
  what: `product ${M} x ${N} x ${K} ${JSON.stringify(knobs)}`,
  kernel: k.matmul,
  params: { M, N, K },
  knobs,
  bind: { a: M * K, b: K * N, out: M * N },
});

const heads = (B: number, T: number, N: number, H: number): Case => ({
  what: `attention ${B} x ${N} heads of ${H}, T ${T}`,
  kernel: k.attention,
  params: { B, T, N, NKV: N, H },
  knobs: {},
  bind: { qkv: B * T * 3 * N * H, lse: B * N * T, out: B * T * N * H },
});

const CASES: readonly Case[] = [
  product(512, 384, 128, {}),
  product(512, 128, 384, { TB: 1 }),
  product(128, 384, 512, { TA: 1 }),
  product(131, 140, 52, {}),
  heads(2, 200, 2, 64),
];

const orderOf = (twin: Twin | undefined) => twin?.order ?? 'plain';

/** By case: how many ways ran, and those whose bits differ from the first of their order. */
export async function sameBits(one: Solo): Promise<unknown> {
  const results: { what: string; ways: number; different: string[] }[] = [];
  // why one: a processor compiles each way for seconds
  const cases = one.device.report.software ? CASES.slice(3, 4) : CASES;
  for (const { what, kernel, params, knobs, bind } of cases) {
    const files: Twin[] = kernel.variants.map((own) => ({ file: kernel.file, knobs: own }));
    const able = (kernel.twins ?? []).filter(
      ({ fits, needs, half }) =>
        !half && (!needs || one.device.raw.features.has(needs)) && (fits?.(params, knobs) ?? true),
    );
    const tensors = Object.fromEntries(
      Object.entries(bind).map(([name, floats], i) => [name, one.tensor(name, floats, i)]),
    );
    const known = new Map<string, Float32Array>();
    const different: string[] = [];
    const ways = [...files, ...able];
    for (const way of ways) {
      const only = { ...kernel, file: way.file, variants: [way.knobs], twins: [], onGpu: () => [] };
      const list = await one.prepare(only, tensors, params, knobs);
      await one.time([list], 1);
      const got = await one.read(lastOf(tensors));
      const first = known.get(orderOf(way));
      if (!first) known.set(orderOf(way), got);
      else if (got.some((value, i) => !Object.is(value, first[i])))
        different.push(`${way.file} ${JSON.stringify(way.knobs)}`);
    }
    one.free(Object.values(tensors));
    results.push({ what, ways: ways.length, different });
  }
  return results;
}

const lastOf = (tensors: Readonly<Record<string, Tensor>>): Tensor => Object.values(tensors).at(-1)!;
