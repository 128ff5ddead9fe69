/**
 * Event files: the frame of every record and its checksums. That TensorBoard reads the same numbers was seen with its own reader
 * (tensorboard's EventAccumulator); the hash below is of the file it read.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { crc32c, EventFile } from '../../../src/cli/run/tensorboard';

const NOW_MS = 1_700_000_000_500;

function written(steps: number): { readonly read: () => Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = new EventFile(folder, NOW_MS);
  onTestFinished(() => file.close());
  for (let step = 0; step < steps; step++) {
    const heldOut = step % 2 === 1 ? { heldOutLoss: 3.25 } : {};
    const figures = { loss: 4 - step / 8, gradNorm: 1.5, lr: 0.25, tokens: 1000, ms: 10, bytesSent: [], ...heldOut };
    file.step({ step: 200 * step, ...figures }, NOW_MS + step);
  }
  return { read: () => readFileSync(join(folder, readdirSync(folder)[0]!)) };
}

test('the checksum is CRC-32C', () => {
  // the check value of the catalogue of CRCs
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

test('records follow each other without a gap, and all of them are there at once', () => {
  const bytes = written(4).read();
  let at = 0;
  let records = 0;
  while (at < bytes.length) {
    at += 8 + 4 + Number(bytes.readBigUInt64LE(at)) + 4;
    records++;
  }
  expect(at).toBe(bytes.length);
  expect(records).toBe(5);
});

test('the file is the one that TensorBoard reads', () => {
  expect(createHash('sha256').update(written(4).read()).digest('hex')).toBe(
    'e227c480cdc2ad78dabca1b2d3a5990bcc0185fbd8282fab8d9db1d5361a6490',
  );
});
