/** `npm run train` as a child process in a folder of its own, and the fixtures of tests/reference as its input. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelFile } from '../../src/train/checkpoint';
import type { StepMetrics } from '../../src/worker/api';
import type { Fixture } from './fixture';

const PROGRAM = join(import.meta.dirname, '../../dist/node/train.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is gone after the test. */
export function temporaryFolder(onEnd: (remove: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-'));
  onEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Run the built program to its end. */
export function train(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => {
    stdout += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

/** Write the fixture as RUN.json, tokens and initial weights into `folder`; the arguments that train it. */
export function writeInputs(folder: string, fixture: Fixture, plan: object, change: object = {}): string[] {
  const file = (name: string) => join(folder, name);
  writeFileSync(file('tokens.bin'), Buffer.from(Uint16Array.from(fixture.text).buffer));
  writeFileSync(file('init.safetensors'), modelFile(fixture.model, fixture.init));
  const data = { source: 'tokens:tokens.bin', order: 'sequential' };
  const run = { model: fixture.model, data, train: { ...fixture.train, ...change }, plan };
  writeFileSync(file('run.json'), JSON.stringify(run));
  return [file('run.json'), '--init', file('init.safetensors')];
}

export function readMetrics(folder: string): StepMetrics[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as StepMetrics);
}
