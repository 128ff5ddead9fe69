/** The benches of kernels: options, the parts in order, tables as text. `--rounds N`; `--gpu`: not the software adapter. */
import { parseArgs } from 'node:util';
import { requireBrowser } from '../../../src/cli/machine/browser';
import { openHost } from './host';
import { attentionTable, matmulTable, profileTable, trainTable } from './report';
import { benchAttention, benchMatmul, benchTraining, profileStep } from './run';

export type GpuPart = 'train' | 'matmul' | 'attention' | 'profile';

/** Run `parts` in one browser; resolves to the adapter's name and a table for each. */
export async function benchGpu(parts: readonly GpuPart[], args: readonly string[]): Promise<string> {
  const options = { rounds: { type: 'string', default: '5' }, gpu: { type: 'boolean', default: false } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is ${values.rounds}: give a whole number`);
  const host = await openHost(requireBrowser(), !values.gpu);
  const { page, address } = host;
  const run = async (part: GpuPart) => {
    if (part === 'train') return trainTable(await benchTraining(page, address, rounds));
    if (part === 'matmul') return matmulTable(await benchMatmul(page, address, rounds));
    if (part === 'attention') return attentionTable(await benchAttention(page, address, rounds));
    return profileTable(await profileStep(page, address));
  };
  try {
    await page.goto(address);
    const tables = [`adapter: ${await host.adapter()}\n`];
    for (const part of parts) tables.push(await run(part));
    return tables.join('\n');
  } finally {
    await host.close();
  }
}
