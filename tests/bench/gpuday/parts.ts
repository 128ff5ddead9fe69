/** The parts of gpu-day: what each does in its own process, and for how long at most; eight minutes in all. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDawn } from '../../../src/cli/machine/dawn';
import { openDevice } from '../../../src/gpu/device';
import { attentionRates, productRates } from '../../../src/worker/chip/rates';
import { Solo } from '../../../src/worker/chip/solo';
import { stepRates } from '../../../src/worker/chip/steps';
import { cardHere } from '../gpu/card';
import { BENCH_MODELS } from '../gpu/models';
import { browserSteps } from './browser';
import { sameBits } from './variants';

interface Part {
  readonly about: string;
  readonly seconds: number;
  /** `seconds`: the process is ended then. */
  run(seconds: number): Promise<unknown>;
}

const solo = async () => new Solo(await openDevice(await openDawn()));
/** No limit of operations on a chip, and seconds at most on a processor. */
const most = ({ device }: Solo) => (device.report.software ? 1e9 : Number.POSITIVE_INFINITY);

export const PARTS = {
  products: {
    about: 'matrix products',
    seconds: 30,
    run: async () => {
      const one = await solo();
      return { adapter: one.device.report.adapter, rates: await productRates(one, most(one)) };
    },
  },
  attention: {
    about: 'attention',
    seconds: 30,
    run: async () => {
      const one = await solo();
      return { adapter: one.device.report.adapter, rates: await attentionRates(one, most(one)) };
    },
  },
  steps: {
    about: 'training steps of 0.1, 0.8, 10.7 and 124 M parameters in Node',
    seconds: 90,
    run: async () => {
      const { device } = await solo();
      const { adapter, software } = device.report;
      const rates = await stepRates(device, BENCH_MODELS, 15_000);
      return { adapter, software, rates, missed: BENCH_MODELS.slice(rates.length).map(({ name }) => name) };
    },
  },
  torch: { about: 'the same by PyTorch, where it is installed', seconds: 60, run: async () => torch() },
  variants: {
    about: 'tilings of one order give the same bits',
    seconds: 30,
    run: async () => sameBits(await solo()),
  },
  kernels: { about: 'the kernel tests on this chip', seconds: 130, run: kernelTests },
  browser: {
    about: 'training steps of the same sizes in Chromium, beside jax-js and tfjs',
    seconds: 80,
    run: browserSteps,
  },
  card: { about: 'the device card', seconds: 30, run: cardHere },
} satisfies Record<string, Part>;

export type PartName = keyof typeof PARTS;

async function kernelTests(): Promise<unknown> {
  const file = join(tmpdir(), `gpu-day-${process.pid}.json`);
  const args = ['vitest', 'run', '--project', 'kernels', '--reporter=json', `--outputFile=${file}`];
  spawnSync('npx', args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TABTRAIN_KERNELS: 'all' } });
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(file);
  type Test = { readonly status: string; readonly fullName: string };
  const failed = testResults.flatMap(({ assertionResults }: { assertionResults: readonly Test[] }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  );
  return { passed: numPassedTests, failed: numFailedTests, names: failed };
}

function torch(): unknown {
  if (spawnSync('python3', ['-c', 'import torch']).status !== 0) return { absent: 'python3 has no torch here' };
  return JSON.parse(execFileSync('python3', ['tests/bench/gpuday/beside.py'], { encoding: 'utf8' }));
}
