/** The results of gpu-day as a table of text. */
import type { Rate } from '../../../src/worker/chip/rates';
import type { StepRate } from '../../../src/worker/chip/steps';
import type { BrowserSteps } from './browser';
import type { PartResult } from './main';

interface Measured {
  readonly adapter: string;
  readonly rates: readonly (Rate | StepRate)[];
}

/** Sizes that a part did not get to. */
interface Missed {
  readonly software: boolean;
  readonly missed: readonly string[];
}

interface Torch {
  readonly device: string;
  readonly products: Readonly<Record<string, number>>;
  readonly steps: Readonly<Record<string, number>>;
}

const digits = (value: number): string => (value < 100 ? value.toPrecision(3) : Math.round(value).toString());

/** One line per figure, with PyTorch's beside it where it was measured under the same name. */
export function tableOf(results: readonly PartResult[]): string {
  const of = <T>(part: string) => results.find((one) => one.part === part)?.result as T | undefined;
  const torch = of<Torch>('torch');
  const lines = results.map(
    ({ part, seconds, failed }) => `${part}: ${seconds} s${failed ? `, FAILED: ${failed}` : ''}`,
  );
  const tests = of<{ passed: number; failed: number; names: readonly string[] }>('kernels');
  if (tests) lines.push(`kernel tests: ${tests.passed} passed, ${tests.failed} failed ${tests.names.join('; ')}`);
  for (const { what, ways, different } of of<readonly { what: string; ways: number; different: readonly string[] }[]>(
    'variants',
  ) ?? []) {
    lines.push(`${what}: ${ways} ways, ${different.length === 0 ? 'same bits' : `DIFFERENT ${different.join('; ')}`}`);
  }
  for (const part of ['products', 'attention', 'steps']) {
    const measured = of<Measured>(part);
    if (measured)
      lines.push('', `${part} on ${measured.adapter}${torch?.device ? `, PyTorch on ${torch.device}` : ''}`);
    for (const rate of measured?.rates ?? []) lines.push(lineOf(rate, torch));
    if (part === 'steps') lines.push(...missedLines(results, part));
  }
  const browser = of<BrowserSteps>('browser');
  if (browser) lines.push('', `steps in Chromium on ${browser.adapter}`, '', browser.table.trimEnd());
  return [...lines, ...missedLines(results, 'browser'), ''].join('\n');
}

function missedLines(results: readonly PartResult[], part: string): readonly string[] {
  const found = results.find((one) => one.part === part);
  const { software, missed = [] } = (found?.result ?? {}) as Partial<Missed>;
  const where = software ? 'a software adapter' : 'this adapter';
  return missed.map((name) => `  ${name}: not reached in ${found!.seconds} s on ${where}`);
}

function lineOf(rate: Rate | StepRate, torch: Torch | undefined): string {
  if ('model' in rate) {
    const beside = torch?.steps?.[rate.model];
    const ratio = beside
      ? `, PyTorch ${digits(beside)} ms: ${(rate.msPerStep / beside).toFixed(2)} times its time`
      : '';
    return `  ${rate.model} batch ${rate.batch}: ${digits(rate.msPerStep)} ms, ${digits(rate.tokensPerSecond)} tokens/s${ratio}`;
  }
  const beside = torch?.products?.[rate.what];
  const ratio = beside ? `, PyTorch ${digits(beside)}: ${(rate.gflops / beside).toFixed(2)} of it` : '';
  return `  ${rate.what}: ${digits(rate.gflops)} GFLOP/s (${rate.kernel})${ratio}`;
}
