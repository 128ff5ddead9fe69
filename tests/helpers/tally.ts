/**
 * Reporter whose last line is the contract of .ci/run: `N passed, N failed`. The names of what failed stand right above
 * it, so that the end of a log tells all; above them the files that took longest, because the suite has half an hour.
 */
import type { Reporter, TestModule } from 'vitest/node';

const SLOWEST = 25;

export default class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly { readonly message: string }[]): void {
    let passed = 0;
    const failed: string[] = [];
    for (const module of modules) {
      const { relativeModuleId: file } = module;
      // A file or a describe that fails before its tests, and an error outside any test, are failures, too.
      for (const { message } of module.errors()) failed.push(`${file}: ${message}`);
      for (const suite of module.children.allSuites()) {
        for (const { message } of suite.errors()) failed.push(`${file} > ${suite.fullName}: ${message}`);
      }
      for (const test of module.children.allTests()) {
        const { state, errors = [] } = test.result();
        if (state === 'passed') passed++;
        else if (state === 'failed') failed.push(`${file} > ${test.fullName}: ${errors[0]?.message ?? ''}`);
      }
    }
    for (const line of slowest(modules)) process.stdout.write(`${line}\n`);
    for (const { message } of unhandledErrors) failed.push(`outside any test: ${message}`);
    for (const one of failed) process.stdout.write(`FAILED ${one}\n`);
    process.stdout.write(`${passed} passed, ${failed.length} failed\n`);
  }
}

function slowest(modules: readonly TestModule[]): readonly string[] {
  if (modules.length <= SLOWEST) return [];
  const took = modules.map((module) => ({ file: module.relativeModuleId, ms: module.diagnostic().duration }));
  const all = took.reduce((sum, { ms }) => sum + ms, 0);
  const first = took.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  return [
    `${(all / 1000).toFixed(0)} s in ${modules.length} files; the slowest:`,
    ...first.map(({ file, ms }) => `${(ms / 1000).toFixed(0).padStart(5)} s ${file}`),
  ];
}
