/** `npm run continue`: writes the script by which PyTorch goes on with a run, and the run's tokens beside it. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PlanError } from '../errors';
import { readCorpus } from '../train/data/corpus';
import { endProcess, type Help, runCommand } from './command';
import { parseTrainArgs } from './run/args';
import { newestCheckpoint } from './run/checkpoints';
import { prepareJob } from './run/job';
import { torchScript } from './torch/script';

const USAGE = 'npm run continue -- DIR [--plan.FIELD=VALUE ...] [--train.steps=N]';

const HELP: Help = {
  about:
    'Writes continue_torch.py into the folder of a run, which goes on with it from its newest checkpoint in PyTorch.',
  usage: USAGE,
  examples: [
    ['npm run continue -- out/default', 'the plan of the run'],
    ['npm run continue -- out/default --plan.dp=8 --plan.zero=3', 'on eight ranks by FSDP2'],
    ['npm run continue -- out/default --train.steps=10000', 'with more steps than the run had'],
  ],
};

const pages = join(import.meta.dirname, '..', 'pages');

await runCommand(HELP, async (argv) => {
  const isOverride = (arg: string) => /^--(plan\.[A-Za-z]+|train\.steps)=/.test(arg);
  const [folder, ...others] = argv.filter((arg) => !isOverride(arg));
  if (folder === undefined || folder.startsWith('-') || others.length > 0) {
    throw new PlanError(`One folder of a run is needed. Usage: ${USAGE}`);
  }
  const { checkpoint, notes } = await newestCheckpoint(folder);
  const args = parseTrainArgs(['--resume', folder, ...argv.filter(isOverride)]);
  // why the job of a resumed run: the same text, the same checks
  const { run, source } = await prepareJob(args, { pages, example: '' }, checkpoint);
  const { tokens, samples } = await readCorpus(run, source);
  const { trained } = samples({ ...run.train, context: run.model.context, order: run.data.order });
  const script = torchScript(run, tokens.BYTES_PER_ELEMENT, trained);
  writeFileSync(join(folder, 'torch_tokens.bin'), tokens);
  writeFileSync(join(folder, 'continue_torch.py'), script.text);
  for (const note of [...notes, ...script.notes]) console.error(note);
  const { dp, pp, tp } = run.plan;
  console.log(
    `Go on from step ${checkpoint.step} of ${run.train.steps}: torchrun --nproc-per-node ${dp * pp * tp} ${join(relative('.', folder), 'continue_torch.py')}`,
  );
  await endProcess(0);
});
