#!/usr/bin/env node
/** `npx tabtrain`: the program of the npm package. Starts the command that its first word names; without one, the server. */
import { type Help, runCommand } from './command';

const COMMANDS: Readonly<Record<string, () => Promise<unknown>>> = {
  start: () => import('./serve'),
  train: () => import('./train'),
  plan: () => import('./plan'),
  sample: () => import('./sample'),
  continue: () => import('./continue'),
  join: () => import('./join'),
};

const HELP: Help = {
  about: 'Trains one GPT on a cluster of browser tabs and programs. Every command explains itself with --help.',
  usage: 'npx tabtrain [start | train | plan | sample | continue | join] [...]',
  examples: [
    ['npx tabtrain', 'serves the pages and prints their address; the same as npx tabtrain start'],
    ['npx tabtrain train RUN.json', 'trains without a page to click'],
    ['npx tabtrain plan RUN.json --ranks 8', 'chooses how to cut a run'],
    ['npx tabtrain sample DIR --prompt "Call me"', 'talks to a model'],
    ['npx tabtrain continue DIR', 'writes the script by which PyTorch goes on with a run'],
    ['npx tabtrain join "LINK"', "makes this machine's GPU a member of a page's room"],
  ],
};

const [word = '', ...rest] = process.argv.slice(2);
const command = COMMANDS[word];
if (command) process.argv.splice(2, 1);
// why: options alone are those of the server
const chosen = command ?? (/^--?(help|h)$/.test(word) ? undefined : /^(-|$)/.test(word) ? COMMANDS.start : undefined);
if (chosen) await chosen();
else {
  await runCommand(HELP, async () => {
    const { InputError } = await import('../errors');
    throw new InputError(`${[word, ...rest].join(' ')}: there is no such command. Usage: ${HELP.usage}`);
  });
}
