/** The figures of every step as CSV: the columns of metrics.jsonl, with the bytes of all ranks added up. Pure. */
import type { StepMetrics } from '../tab';

const COLUMNS = ['step', 'loss', 'heldOutLoss', 'gradNorm', 'lr', 'tokens', 'ms', 'bytesSent'] as const;

export function csvOf(steps: readonly StepMetrics[]): string {
  const rows = steps.map((metrics) =>
    COLUMNS.map((column) => {
      const value = metrics[column];
      return typeof value === 'object' ? value.reduce((sum, bytes) => sum + bytes, 0) : (value ?? '');
    }).join(','),
  );
  return [COLUMNS.join(','), ...rows, ''].join('\n');
}
