/** The figures of every step that a page has shown, as its visitor saves them. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

export interface Figures {
  readonly step: number;
  readonly loss: number;
  /** By all ranks together. */
  readonly bytesSent: number;
}

/** Press "Figures as CSV" and read the file. */
export async function figuresOf(page: Page): Promise<readonly Figures[]> {
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Figures as CSV' }).click();
  return readFigures(readFileSync(await (await saving).path(), 'utf8'));
}

export function readFigures(csv: string): readonly Figures[] {
  const [head = '', ...lines] = csv.trimEnd().split('\n');
  const columns = head.split(',');
  const at = (cells: readonly string[], column: string) => Number(cells[columns.indexOf(column)]);
  return lines.map((line) => {
    const cells = line.split(',');
    return { step: at(cells, 'step'), loss: at(cells, 'loss'), bytesSent: at(cells, 'bytesSent') };
  });
}

/** The largest relative difference of two runs' losses over the steps of the shorter one. Throws if a step is missing. */
export function worstLoss(got: readonly Figures[], wanted: readonly Figures[]): number {
  const count = Math.min(got.length, wanted.length);
  let worst = 0;
  for (let index = 0; index < count; index++) {
    const [one, other] = [got[index]!, wanted[index]!];
    if (one.step !== index || other.step !== index) throw new Error(`step ${index} is missing or out of turn`);
    worst = Math.max(worst, Math.abs(one.loss - other.loss) / Math.abs(other.loss));
  }
  return worst;
}
