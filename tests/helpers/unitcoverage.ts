/**
 * V8's line coverage, counted in the unit tests only: counting made the equivalence tests 40 % slower. Tests with browsers
 * run the built pages in other processes, where nothing is counted.
 */
import v8 from '@vitest/coverage-v8';
import type { CoverageProviderModule } from 'vitest/node';

/** Set by vite.config.ts for the project whose lines are counted. */
const isCounted = process.env.TABTRAIN_COVERED === 'yes';

const counted: CoverageProviderModule = {
  getProvider: () => v8.getProvider(),
  startCoverage: (options) => (isCounted ? v8.startCoverage?.(options) : undefined),
  takeCoverage: (options) => (isCounted ? v8.takeCoverage?.(options) : undefined),
  stopCoverage: (options) => (isCounted ? v8.stopCoverage?.(options) : undefined),
};
export default counted;
