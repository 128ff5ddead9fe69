/** Files that ranks hand in: whole with their hash, or refused with a sentence. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Intake } from '../../../src/cli/run/intake';
import { StorageError } from '../../../src/errors';

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const pieces = [Uint8Array.of(1, 2, 3), Uint8Array.of(4), Uint8Array.of(5, 6)];

function opened() {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const intake = new Intake();
  onTestFinished(() => intake.end());
  return { folder, intake, path: join(folder, 'deep', 'file') };
}

test('pieces become a file, its length and its hash', async () => {
  const { intake, path } = opened();
  await intake.take(path, 0, hashOf(pieces[0]!), pieces[0]!);
  await intake.take(path, 3, hashOf(pieces[1]!), pieces[1]!);
  await intake.take(path, 4, hashOf(pieces[2]!), pieces[2]!);
  const whole = Uint8Array.of(1, 2, 3, 4, 5, 6);
  expect(await intake.close(path, 6)).toEqual({ sizeBytes: 6, sha256: hashOf(whole) });
  expect(readFileSync(path)).toEqual(Buffer.from(whole));
});

test('a piece that came broken, twice, early, or never is refused', async () => {
  const { intake, path } = opened();
  await intake.take(path, 0, hashOf(pieces[0]!), pieces[0]!);
  await expect(intake.take(path, 3, hashOf(pieces[1]!), pieces[2]!)).rejects.toThrow('another hash');
  await expect(intake.take(path, 4, hashOf(pieces[2]!), pieces[2]!)).rejects.toThrow('came where 3 was due');
  await intake.take(path, 3, hashOf(pieces[1]!), pieces[1]!);
  await expect(intake.take(path, 3, hashOf(pieces[1]!), pieces[1]!)).rejects.toThrow('came where 4 was due');
  await expect(intake.close(path, 6)).rejects.toThrow('ended at 4 of 6 bytes');
});

test('what cannot be written is a sentence with the way out', async () => {
  const { intake, folder } = opened();
  const written = intake.take(folder, 0, hashOf(pieces[0]!), pieces[0]!);
  await expect(written).rejects.toBeInstanceOf(StorageError);
  await expect(written).rejects.toThrow(/cannot be written .*make room on the disk/);
});
