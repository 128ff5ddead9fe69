/**
 * Expected action tables, one string per rank: `F0` forward, `B1` backward, `I2` input and `W3` weight gradient of a
 * microbatch; with several stages per rank the stage stands before (`7F0`). Cells agree with PyTorch's pipelining.
 */
import type { ScheduleName } from '../../../../src/plan/plan';

export interface ExpectedTable {
  readonly schedule: ScheduleName;
  readonly pp: number;
  readonly chunks: number;
  readonly microbatches: number;
  readonly ranks: readonly string[];
}
