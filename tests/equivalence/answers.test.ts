/**
 * Questions while the room trains, over real trainers and executors: under every kind of plan, each rank's greedy
 * answer is token for token that of transformers (reference/checkpoints.py), and equal settings and seeds give equal
 * draws. The learning rate is 0, so that all step borders have the same weights.
 */
import { expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import { Stream } from '../../src/gpu/stream';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import type { Said, Wish } from '../../src/train/chat/continuation';
import { Talker } from '../../src/train/chat/talker';
import { type ModelFiles, modelFiles } from '../../src/train/files/checkpoint';
import { readModelFolder } from '../../src/train/files/modelfolder';
import { readWeights } from '../../src/train/files/weights';
import { rankMaker } from '../../src/train/rank/rankmodel';
import { parseRunFile } from '../../src/train/runfile';
import { prepare } from '../../src/train/trainer/given/prepared';
import { type Checkpoint, folderOf, readCheckpoints } from '../helpers/checkpoints';
import { gpuTest, useGpu } from '../helpers/gpu';
import { type Tab, TrainRoom } from '../helpers/trainroom';
import { RUNS_ALL } from './planlist';

useGpu();

/** As many different characters as the models of the fixture have tokens. */
const TEXT = new TextEncoder().encode(
  String.fromCodePoint(...Array.from({ length: 97 }, (_, i) => 0x4e00 + i)).repeat(40),
);
const GREEDY = { temperature: 0, topK: 0, topP: 1, length: 100, seed: 1, stop: '', likely: 0 } as const;
/** Another plan may have kernels to compile. */
const PATIENT = { timeout: 30_000 };
/** The answers are stopped steps long before this one. */
const STEPS = 100_000;

const talking = Object.entries(readCheckpoints()).filter(([, { greedy }]) => greedy !== undefined);

/** The run of a checkpoint in a room, its files, and the fixture's prompt as text. */
async function sceneOf({ greedy, ...checkpoint }: Checkpoint, plan: object) {
  const { model, tensors } = readModelFolder(folderOf(checkpoint));
  const train = { steps: STEPS, globalBatch: 4, lr: 0, minLr: 0, evalEvery: 0 };
  const run = { model, data: { source: 'moby-dick', tokenizer: 'char' }, train, plan };
  const { corpus } = await prepare(parseRunFile(run), TEXT);
  const files = modelFiles(model, corpus.tokenizer, readWeights(model, tensors));
  return { run, files, tokenizer: corpus.tokenizer, prompt: corpus.tokenizer.decode(greedy!.slice(0, 8)) };
}

function start(device: GpuDevice, run: { readonly plan: object }, files: ModelFiles) {
  const plan = parsePlan(run.plan);
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => `p${rank}`);
  const room = new TrainRoom(run, peers);
  // somebody may ask at any time: the ranks stay ready, and first tokens are said beside steps
  const deps = { makeRank: rankMaker({ device }), loadSource: async () => TEXT, listening: () => true };
  const tabs = peers.map((peer, rank) =>
    room.start(peer, rank === 0 ? { ...deps, init: files['model.safetensors'] } : deps),
  );
  return { room, peers, plan, tabs };
}

async function answer(tab: Tab, wish: Wish): Promise<readonly Said[]> {
  const said: Said[] = [];
  await tab.trainer.ask(wish, (one) => said.push(one));
  return said;
}

async function end(tabs: readonly Tab[]): Promise<void> {
  tabs[0]!.trainer.end();
  await Promise.all(tabs.map(({ trainer }) => trainer.finished));
}

const tokensOf = (said: readonly Said[]) => said.map(({ token }) => token);

const PLANS: readonly Partial<ParallelPlan>[] = [
  {},
  { pp: 2, microbatches: 2 },
  { pp: 2, chunks: 2, schedule: 'interleaved', microbatches: 2 },
  { pp: 2, chunks: 2, schedule: 'zb-v', microbatches: 4 },
  { dp: 2, zero: 2 },
  { dp: 2, pp: 2, zero: 1, microbatches: 2 },
  { tp: 2 },
  { tp: 3 },
  { dp: 2, zero: 3 },
];

/** Every plan by one of the models at least, the first two and tensor parallel by all; all by all where the whole list runs. */
const isRun = (model: number, at: number, tp = 1) => RUNS_ALL || at < 2 || tp > 1 || at % talking.length === model;

for (const [i, [name, checkpoint]] of talking.entries()) {
  const { heads } = readModelFolder(folderOf(checkpoint)).model;
  const able = PLANS.filter(({ tp = 1 }) => heads % tp === 0);
  for (const plan of able.filter(({ tp }, at) => isRun(i, at, tp))) {
    gpuTest(
      `${name} ${JSON.stringify(plan)}: any rank answers as transformers does, token for token`,
      async (device) => {
        const { run, files, prompt } = await sceneOf(checkpoint, plan);
        const { room, peers, tabs, plan: whole } = start(device, run, files);
        const last = answer(tabs.at(-1)!, { ...GREEDY, prompt });
        const first = tabs.length > 1 ? answer(tabs[0]!, { ...GREEDY, prompt, length: 12 }) : last;
        room.declare(peers, { plan: whole });
        expect(tokensOf(await last)).toEqual(checkpoint.greedy!.slice(8));
        expect(tokensOf(await first).slice(0, 12)).toEqual(checkpoint.greedy!.slice(8, 20));
        for (const tab of tabs) {
          const soon = await answer(tab, { ...GREEDY, prompt, length: 3 });
          expect(tokensOf(soon)).toEqual(checkpoint.greedy!.slice(8, 11));
        }
        const asking = tabs[0]!.status!.step;
        await expect.poll(() => tabs[0]!.status!.step, PATIENT).toBeGreaterThan(asking + 2);
        await end(tabs);
        // the bytes of an answer belong to no step
        expect(new Set(tabs[0]!.metrics.slice(1).map(({ bytesSent }) => bytesSent.join())).size).toBe(1);
      },
    );
  }
}

gpuTest(
  'an answer of a pipeline is drawn as the one of a single device, beyond the context, with probabilities',
  async (device) => {
    const [, checkpoint] = talking[0]!;
    const { run, files, prompt } = await sceneOf(checkpoint, { pp: 2, microbatches: 2 });
    const wish: Wish = { ...GREEDY, prompt, temperature: 1.5, topK: 40, topP: 0.9, seed: 7, length: 140, likely: 3 };
    const bytes = new Map(Object.entries(files).map(([file, content]) => [file, Buffer.from(content)]));
    const stream = new Stream(device);
    const talker = await Talker.open(stream, { names: [...bytes.keys()], read: (file) => bytes.get(file)! });
    const alone: Said[] = [];
    for await (const said of talker.answer(wish)) alone.push(said);
    talker.close();
    stream.close();
    const { room, peers, plan, tabs } = start(device, run, files);
    const asked = answer(tabs[1]!, wish);
    room.declare(peers, { plan });
    const together = await asked;
    expect(tokensOf(together)).toEqual(tokensOf(alone));
    for (const [i, { likely }] of together.entries()) {
      expect(likely).toHaveLength(3);
      // passes of other sizes round the logits otherwise, by some units of float32
      expect(Math.abs(likely[0]!.probability - alone[i]!.likely[0]!.probability)).toBeLessThan(1e-5);
    }
    await end(tabs);
  },
);

gpuTest('an answer goes on over changes of plan, and stops where it is told to', async (device) => {
  // its heads can be cut in two
  const [, checkpoint] = talking[1]!;
  const { run, files, prompt, tokenizer } = await sceneOf(checkpoint, { pp: 2, microbatches: 2 });
  const { room, peers, tabs, plan } = start(device, run, files);
  const [a, b] = [tabs[0]!, tabs[1]!];
  const said: Said[] = [];
  const asked = b.trainer.ask({ ...GREEDY, prompt }, (one) => {
    said.push(one);
    if (said.length === 10) room.declare(peers, { plan: parsePlan({ dp: 2 }) });
    if (said.length === 30) room.declare(peers, { plan: parsePlan({ tp: 2 }) });
    if (said.length === 50) room.declare(peers, { plan: parsePlan({ dp: 2, zero: 3 }) });
    if (said.length === 70) room.declare(peers, { plan });
  });
  room.declare(peers, { plan });
  await asked;
  expect(tokensOf(said)).toEqual(checkpoint.greedy!.slice(8));

  const stop = tokenizer.decode(checkpoint.greedy!.slice(28, 30));
  const short = await answer(a, { ...GREEDY, prompt, stop });
  expect(tokensOf(short)).toEqual(checkpoint.greedy!.slice(8, 8 + short.length));
  expect(short.map(({ text }) => text).join('')).not.toContain(stop);

  const heard: Said[] = [];
  await b.trainer.ask({ ...GREEDY, prompt, length: STEPS }, (one) => {
    heard.push(one);
    if (heard.length === 5) b.trainer.hush();
  });
  expect(heard).toHaveLength(5);
  await expect(answer(a, { ...GREEDY, prompt: 'x' })).rejects.toThrow(/the prompt has no token of this model/);
  expect(b.trainer.lacking('x')).toEqual(['x']);

  const unheard = answer(b, { ...GREEDY, prompt, length: STEPS });
  const refused = expect(unheard).rejects.toThrow('training has ended');
  await end(tabs);
  await refused;
  await expect(answer(b, { ...GREEDY, prompt })).rejects.toThrow('training has ended');
});

gpuTest(
  'an asker that dies while it is answered ends its answer, and the others train and answer on',
  async (device) => {
    const [, checkpoint] = talking[0]!;
    const { run, files, prompt } = await sceneOf(checkpoint, { dp: 2, pp: 2, microbatches: 2 });
    const { room, peers, tabs, plan } = start(device, run, files);
    room.declare(peers, { plan });
    await new Promise<void>((resolve) => {
      const asked = tabs[3]!.trainer.ask({ ...GREEDY, prompt, length: STEPS }, () => resolve());
      asked.catch(() => {});
    });
    room.kill('p3');
    const left = tabs.slice(0, 2);
    room.declare(['p0', 'p1'], { plan: parsePlan({ pp: 2, microbatches: 2 }) });
    const said = await answer(left[1]!, { ...GREEDY, prompt });
    expect(tokensOf(said)).toEqual(checkpoint.greedy!.slice(8));
    await end(left);
  },
);
