/**
 * Reporter whose last line is the contract of .ci/run: `N passed, N failed`. The names of what failed stand right above
 * it, so that the end of a log tells all.
 */
import type { Reporter, TestModule } from 'vitest/node';

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
    for (const { message } of unhandledErrors) failed.push(`outside any test: ${message}`);
    for (const one of failed) process.stdout.write(`FAILED ${one}\n`);
    process.stdout.write(`${passed} passed, ${failed.length} failed\n`);
  }
}
