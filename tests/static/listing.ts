/** Reads what Mesa's AMD driver prints of each kernel: its statistics, and of the machine code the loop that matters. */

/** Figures of one kernel. */
export interface Figures {
  /** Threads of a workgroup. */
  readonly lanes: number;
  /** Vector registers of a thread. */
  readonly registers: number;
  /** Vector registers spilled, and bytes of scratch memory of a wave: arrays with a computed index count there only. */
  readonly spilled: number;
  readonly scratch: number;
  /** Bytes of workgroup memory. */
  readonly shared: number;
  /** Waves that one SIMD unit can hold. */
  readonly waves: number;
  /**
   * Of the loop with most multiply-adds: their number, their share of all vector, workgroup-memory and buffer instructions
   * it issues (a bound on the share of the chip's peak), and their number per 4 bytes it loads from buffers.
   */
  readonly fma: number;
  readonly share: number;
  readonly reuse: number;
}

export type Compiled = { readonly figures: Figures } | { readonly refused: string };

/** The files of a child's output in order; one that the compiler died of is the last. */
export function readListing(listing: string): readonly { readonly file: string; readonly compiled: Compiled }[] {
  return listing
    .split('\n@@file ')
    .slice(1)
    .map((part) => ({ file: part.slice(0, part.indexOf('\n')), compiled: readOne(part) }));
}

function readOne(part: string): Compiled {
  const refused = /\n@@refused (.*)/.exec(part)?.[1];
  if (refused) return { refused };
  if (!part.includes('\n@@compiled')) return { refused: 'the compiler ended while it compiled this' };
  const stat = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(part)?.[1]);
  const sides = /^workgroup-size: (\d+), (\d+), (\d+)$/m.exec(part)!.slice(1).map(Number);
  const code = /\ndisasm:\n([\s\S]*?)\n\n/.exec(part)![1]!;
  const figures = {
    lanes: sides.reduce((product, side) => product * side, 1),
    registers: stat('VGPRs'),
    spilled: stat('Spilled VGPRs'),
    scratch: stat('Scratch size'),
    shared: stat('LDS size'),
    waves: stat('Subgroups per SIMD'),
    ...hottestLoop(code),
  };
  const unknown = Object.entries(figures).find(([, value]) => !Number.isFinite(value));
  if (unknown) throw new Error(`the compiler's listing does not say ${unknown[0]}`);
  return { figures };
}

type Loop = Pick<Figures, 'fma' | 'share' | 'reuse'>;

/** By the branches that go back; the innermost of those with equally many multiply-adds; the whole text without a loop. */
function hottestLoop(code: string): Loop {
  const lines = code.split('\n').map((line) => line.split(';')[0]!.trim());
  const labels = new Map(lines.flatMap((line, at) => (line.endsWith(':') ? [[line.slice(0, -1), at] as const] : [])));
  const loops = lines.flatMap((line, at) => {
    const from = labels.get(/^s_c?branch\w* (BB\d+)$/.exec(line)?.[1] ?? '');
    return from !== undefined && from < at ? [lines.slice(from, at)] : [];
  });
  const all = loops.length > 0 ? loops : [lines];
  return all
    .map(count)
    .reduce((best, loop) => (loop.fma > best.fma || (loop.fma === best.fma && loop.share > best.share) ? loop : best));
}

function count(lines: readonly string[]): Loop {
  const of = (pattern: RegExp) => lines.filter((line) => pattern.test(line));
  const fma = of(/^v_(pk_|dual_)?fma/).length;
  const loads = of(/^(buffer|global|scratch)_load/);
  const issued = of(/^v_/).length + of(/^ds_/).length + loads.length;
  const dwords = loads.reduce(
    (sum, line) => sum + Number(/(?:dwordx|b)(\d+)/.exec(line)?.[1] ?? 1) / (/_b\d/.test(line) ? 32 : 1),
    0,
  );
  return { fma, share: fma / Math.max(1, issued), reuse: fma / Math.max(1, dwords) };
}
