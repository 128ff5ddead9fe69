/** A device card: what one device does with our kernels, as a small JSON; docs/cards collects them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openDawn } from '../../../src/cli/machine/dawn';
import { openDevice } from '../../../src/gpu/device';
import { BENCH_MODELS } from './models';
import { attentionRates, type Costs, costs, productRates, type Rate, type StepRate, stepRates } from './rates';
import { Solo } from './solo';

export interface Card {
  readonly adapter: string;
  readonly software: boolean;
  readonly date: string;
  readonly version: string;
  /** Where it was measured: 'Node' is Dawn in a Node process. */
  readonly by: 'Node';
  readonly costs: Costs;
  readonly kernels: readonly Rate[];
  readonly steps: readonly StepRate[];
}

/** A processor takes seconds for larger ones. */
const SOFTWARE_FLOPS = 2e9;
const SOFTWARE_STEP_MS = 3000;
const STEP_MS = 20_000;

/** Measure the device of this process. */
export async function measureCard(): Promise<Card> {
  const device = await openDevice(await openDawn());
  const one = new Solo(device);
  const { adapter, software } = device.report;
  const most = software ? SOFTWARE_FLOPS : Number.POSITIVE_INFINITY;
  const kernels = [...(await productRates(one, most)), ...(await attentionRates(one, most))];
  const steps = await stepRates(device, BENCH_MODELS.slice(0, 3), software ? SOFTWARE_STEP_MS : STEP_MS);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const date = new Date().toISOString().slice(0, 10);
  return { adapter, software, date, version, by: 'Node', costs: await costs(one), kernels, steps };
}

/** `--out FILE`: writes it there, too. Resolves to the JSON. */
export async function benchCard(args: readonly string[]): Promise<string> {
  const { values } = parseArgs({ args: [...args], options: { out: { type: 'string' } } });
  const text = JSON.stringify(await measureCard(), rounded, 2);
  if (values.out) writeFileSync(values.out, `${text}\n`);
  return text;
}

/** Four digits are what a measurement is worth. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
