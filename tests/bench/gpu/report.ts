/** Results of the bench as text: Markdown tables, so that they go into docs/performance.md as they are. Pure. */
import type { AttentionTurn } from './attention';
import type { Profile } from './profile';
import type { MatmulResult, TrainResult } from './run';

type Cell = string | number;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) => `| ${cells.join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

const fixed = (value: number, digits: number) => value.toFixed(digits);
const megabytes = (bytes: number) => fixed(bytes / 1e6, 2);

export function trainTable(results: readonly TrainResult[]): string {
  const head = [
    'GPT',
    'who',
    'ms/step',
    'tokens/s',
    'ours is',
    'dispatches',
    'submits',
    'buffers made',
    'peak MB',
    'loss',
  ];
  const rows = results.flatMap(({ shape, tokensPerStep, peers }) => {
    const own = peers[0]!;
    return peers.map(({ name, msPerStep, counts, firstLosses }) => [
      shape,
      name,
      fixed(msPerStep, 0),
      fixed((1000 * tokensPerStep) / msPerStep, 0),
      `${fixed(msPerStep / own.msPerStep, 2)}x`,
      counts.dispatches,
      counts.submits,
      counts.buffers,
      megabytes(counts.peakBytes),
      firstLosses.map((loss) => fixed(loss, 4)).join(' '),
    ]);
  });
  return table(head, rows);
}

export function matmulTable(results: readonly MatmulResult[]): string {
  const names = results[0]!.peers.map(({ name }) => name);
  const ratios = results.map(({ peers }) => {
    const [own, ...others] = peers;
    return Math.min(...others.map(({ ms }) => ms)) / own!.ms;
  });
  const rows = results.map(({ linear, product, flops, peers }, i) => [
    linear,
    product,
    ...peers.map(({ ms }) => fixed(flops / ms / 1e6, 2)),
    `${fixed(ratios[i]!, 2)}x`,
    Math.max(...peers.map(({ error }) => error)).toExponential(0),
  ]);
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const head = ['linear', 'product', ...names.map((name) => `${name} GFLOP/s`), 'ours to the best', 'worst error'];
  return `${table(head, rows)}\ngeometric mean ${fixed(mean, 2)}x, lowest ${fixed(Math.min(...ratios), 2)}x\n`;
}

export function attentionTable(results: readonly AttentionTurn[]): string {
  const head = ['T', 'ms', 'ms of products alone', 'ratio', 'GFLOP/s', 'MB'];
  const rows = results.map(({ T, ms, boundMs, flops, bytes }) => [
    T,
    fixed(ms, 1),
    fixed(boundMs, 1),
    fixed(ms / boundMs, 2),
    fixed(flops / ms / 1e6, 2),
    megabytes(bytes),
  ]);
  return table(head, rows);
}

export function profileTable(profiles: readonly Profile[]): string {
  return profiles
    .map(({ shape, rows, peak, stepMs, modelFlops }) => {
      const total = rows.reduce((sum, { ms }) => sum + ms, 0);
      const lines = rows.map(({ kernel, calls, ms, flops, bytes }) => [
        kernel,
        calls,
        fixed(ms, 2),
        `${fixed((100 * ms) / total, 1)} %`,
        flops > 0 ? fixed(flops / ms / 1e6, 2) : '',
        megabytes(bytes),
        fixed(bytes / ms / 1e6, 2),
      ]);
      const head = ['kernel', 'calls', 'ms', 'share', 'GFLOP/s', 'MB', 'GB/s'];
      const used = (100 * modelFlops) / stepMs / 1e6 / peak.gflops;
      const peaks = `peak ${fixed(peak.gflops, 1)} GFLOP/s of fma, ${fixed(peak.gigabytes, 1)} GB/s of copy`;
      const model = `step ${fixed(stepMs, 0)} ms, ${fixed(modelFlops / 1e9, 3)} GFLOP, model FLOP utilisation ${fixed(used, 1)} %`;
      return `${shape}: ${model}; ${peaks}\n\n${table(head, lines)}`;
    })
    .join('\n');
}
