/** `npm run train` as a child process in a folder of its own, and the fixtures of tests/reference as its input. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { modelFile } from '../../src/train/files/checkpoint';
import { readModelFile } from '../../src/train/files/weights';
import type { StepMetrics } from '../../src/worker/api';
import { relativeL2, withoutKeyBias, worstRelative } from '../equivalence/compare';
import type { Fixture } from './fixture';

const PROGRAMS = join(import.meta.dirname, '../../dist/node');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is removed after the test. */
export function temporaryFolder(onEnd: (remove: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-'));
  onEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the built program until it ends, at most until the test ends. */
export function train(args: readonly string[]): Promise<Ended> {
  return startTraining(args).ended;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Start the built program; `child` may be sent signals. */
export const startTraining = (args: readonly string[]): Started => startProgram('train', args);

/** Start the built program of that name in src/cli; it is killed at the end of the test. */
export function startProgram(name: string, args: readonly string[]): Started {
  const child = spawn(process.execPath, [join(PROGRAMS, `${name}.js`), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill());
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => {
    stdout += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data;
  });
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
  return { child, ended };
}

/** Writes the fixture as RUN.json, tokens and initial weights into `folder`; returns the arguments that train it. */
export function writeInputs(folder: string, fixture: Fixture, plan: object): string[] {
  const file = (name: string) => join(folder, name);
  writeFileSync(file('tokens.bin'), Buffer.from(Uint16Array.from(fixture.text).buffer));
  writeFileSync(file('init.safetensors'), modelFile(fixture.model, fixture.init));
  const data = { source: 'tokens:tokens.bin', order: 'sequential' };
  const run = { model: fixture.model, data, train: fixture.train, plan };
  writeFileSync(file('run.json'), JSON.stringify(run));
  return [file('run.json'), '--init', file('init.safetensors')];
}

export function readMetrics(folder: string, name = 'metrics.jsonl'): StepMetrics[] {
  const lines = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as StepMetrics);
}

export interface Finished {
  readonly out: string;
  readonly metrics: readonly StepMetrics[];
  // biome-ignore lint/suspicious/noExplicitAny: what the file holds is what the tests are about
  readonly summary: any;
}

/** Trains the fixture to its end under `plan`; throws with the program's output if it fails. */
export async function trainFixture(
  folder: string,
  fixture: Fixture,
  plan: object,
  ranks: readonly string[],
): Promise<Finished> {
  const out = join(folder, 'out');
  const { code, stderr } = await train([...writeInputs(folder, fixture, plan), ...ranks, '--out', out]);
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
  return { out, metrics: readMetrics(out), summary };
}

/**
 * Distance of a finished run from PyTorch (float64): the largest relative error of losses and of gradient norms, and
 * the relative L2 error of the final weights without the attention's key bias. Throws if a step is missing or repeated.
 */
export function distance(fixture: Fixture, { out, metrics }: Finished) {
  const steps = metrics.map(({ step }) => step).join();
  if (steps !== fixture.losses.map((_, step) => step).join()) throw new Error(`the steps are ${steps}`);
  const got = readModelFile(fixture.model, readFileSync(join(out, 'model.safetensors')));
  const [weights, final] = [got, fixture.final].map((whole) => withoutKeyBias(fixture.model, whole));
  return {
    loss: worstRelative(
      metrics.map(({ loss }) => loss),
      fixture.losses,
    ),
    norm: worstRelative(
      metrics.map(({ gradNorm }) => gradNorm),
      fixture.gradNorms,
    ),
    weights: relativeL2(weights!, final!),
  };
}
