/** A checkpoint is complete only when the metrics have every step before it: whatever is killed, it can be gone on from. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CheckpointWriter, newestCheckpoint } from '../../../src/cli/run/checkpoints';
import { FileDesk } from '../../../src/cli/run/filedesk';
import { OutFolder } from '../../../src/cli/run/outfolder';
import { parseRunFile } from '../../../src/train/runfile';

const SHARD = Uint8Array.of(1, 2, 3);
const sha256 = createHash('sha256').update(SHARD).digest('hex');

function opened(ranks: number) {
  const path = mkdtempSync(join(tmpdir(), 'tabtrain-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const text = { sizeBytes: 0, sha256 };
  const facts = {
    run: parseRunFile({ model: { vocab: 9 } }),
    kind: 'nodes',
    text,
    folder: path,
    everySteps: 1,
  } as const;
  const out = new OutFolder(path);
  const checkpoints = new CheckpointWriter(path, ranks, facts, new Map(), null);
  const desk = new FileDesk({ out, checkpoints, from: null }, () => {});
  onTestFinished(() => desk.close());
  const tell = (step: number) => out.step({ step, loss: 1, gradNorm: 1, lr: 1, tokens: 1, ms: 1, bytesSent: [] });
  const hand = async (step: number, rank: number) => {
    const name = `checkpoint/${step}/rank-${rank}.safetensors`;
    await desk.take(name, new URLSearchParams({ at: '0', sha256 }), SHARD);
    await desk.take(name, new URLSearchParams({ size: '3' }), new Uint8Array(0));
  };
  const isThere = (step: number) => existsSync(join(path, 'checkpoint', `step-00000000${step}`));
  return { path, tell, hand, isThere };
}

test('a state that is stored before its last step is told waits for it', async () => {
  const { path, tell, hand, isThere } = opened(1);
  tell(0);
  const handed = hand(2, 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isThere(2)).toBe(false);
  tell(1);
  await handed;
  expect(isThere(2)).toBe(true);
  expect((await newestCheckpoint(path)).checkpoint.step).toBe(2);
});

test('a checkpoint is that of all ranks, and two are kept', async () => {
  const { tell, hand, isThere } = opened(2);
  for (const step of [1, 2, 3]) {
    tell(step - 1);
    await hand(step, 0);
    expect(isThere(step)).toBe(false);
    await hand(step, 1);
    expect(isThere(step)).toBe(true);
  }
  expect([1, 2, 3].map(isThere)).toEqual([false, true, true]);
});
