/**
 * `npm run bench [-- NAME ...]`: measures this machine. Each bench is a file beside this one. `gpu` is `train`,
 * `matmul` and `attention`; `net` is `ring`, `relay` and `links`; without a name both run. `--profile` shows where a
 * step's time goes. Single measurements go to stderr as they are made, the results to stdout.
 */
import { join } from 'node:path';
import { endProcess, type Help, runCommand } from '../../src/cli/command';
import { requireBrowser } from '../../src/cli/machine/browser';
import { InputError } from '../../src/errors';
import { benchGpu } from './gpu/bench';
import { benchCard } from './gpu/card';
import { writeShaders } from './gpu/shaders';
import { benchKept } from './kept';
import { benchPaced } from './lecture/paced';
import { benchScenes } from './lecture/scenes';
import { benchVotes } from './lecture/votes';
import { benchLinks } from './net/emulated';
import { benchFlood, floodPeer } from './net/flood';
import { benchPageTabs } from './net/pagetabs';
import { benchRelay, relayPeer } from './net/relay';
import { benchRing } from './net/ring';
import { benchBubble } from './plan/bubble';
import { benchTogether } from './plan/together';
import { benchTopology } from './plan/topology';
import { benchUnequal } from './plan/unequal';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const programs = { pages, rank: join(here, 'noderank.js') };
const places = { pages, example: join(here, '..', '..', 'examples', 'default.json') };

const say = (result: object) => console.error(JSON.stringify(result));
const ring = () => benchRing({ executablePath: requireBrowser(), onResult: say });
const links = () => benchLinks(requireBrowser(), say);
const print = (results: object) => JSON.stringify(results, null, 2);

const relay = () => benchRelay(process.argv[1]!, say);

const net = async () => print({ ring: await ring(), relay: await relay(), links: await links() });

const BENCHES: Record<string, (args: readonly string[]) => Promise<string>> = {
  all: async (args) => `${await benchGpu(['train', 'matmul', 'attention'], args)}\n${await net()}`,
  gpu: (args) => benchGpu(['train', 'matmul', 'attention'], args),
  train: (args) => benchGpu(['train'], args),
  matmul: (args) => benchGpu(['matmul'], args),
  attention: (args) => benchGpu(['attention'], args),
  '--profile': (args) => benchGpu(['profile'], args),
  shaders: async (args) => writeShaders(args),
  card: (args) => benchCard(args),
  net,
  ring: async () => print(await ring()),
  pagetabs: async (args) => print(await benchPageTabs(args, pages, say)),
  together: (args) => benchTogether(args, places, programs),
  topology: (args) => benchTopology(args, places, programs),
  unequal: () => benchUnequal(places, programs),
  links: async () => print(await links()),
  lecture: (args) => benchScenes(args, say),
  paced: () => benchPaced(say),
  votes: () => benchVotes(say),
  bubble: (args) => benchBubble(args, places, programs),
  kept: (args) => benchKept(args, places, programs),
  relay: async () => print(await relay()),
  flood: async () => print(await benchFlood(process.argv[1]!, say)),
  // processes that `relay` and `flood` start
  'relay-peer': (args) => relayPeer(args),
  'flood-peer': (args) => floodPeer(args),
};

const NAMES = Object.keys(BENCHES).filter((name) => !name.endsWith('-peer'));

const HELP: Help = {
  about: 'Measures this machine. Single measurements go to stderr, the result to stdout.',
  usage: `npm run bench [-- ${NAMES.join(' | ')}]`,
  examples: [
    ['npm run bench', 'gpu and net'],
    ['npm run bench -- gpu', 'train, matmul and attention'],
    ['npm run bench -- train', 'training steps beside other libraries'],
    ['npm run bench -- matmul', 'matrix products beside other libraries'],
    ['npm run bench -- attention', 'attention beside the time that matrix products alone would take'],
    ['npm run bench -- --profile', 'where the time of a step goes'],
    ['npm run bench -- shaders --out DIR', 'the final WGSL of every variant'],
    ['npm run bench -- card --out FILE', 'what this device does with our kernels, as a small JSON'],
    ['npm run bench -- net', 'ring, relay and links'],
    ['npm run bench -- links', 'one link of a given rate, delay and loss: its rate against the given one'],
    ['npm run bench -- ring', 'four tabs in a ring: bytes a second and core seconds a MB'],
    [
      'npm run bench -- pagetabs',
      'one to four tabs of one browser on the real page: tokens a second, and times one tab',
    ],
    ['npm run bench -- together --mbit 20', 'slow ranks, slow links: what DDP, int8, DiLoCo and auto bring'],
    ['npm run bench -- together --mbit 100 --steps 600', 'the same with runs of 600 steps'],
    ['npm run bench -- topology', 'two pairs of tabs in two browsers: tp inside machines against tp across'],
    ['npm run bench -- unequal', 'ranks at speeds 1 : 2 : 4: the step against the optimum, and the losses'],
    ['npm run bench -- lecture --rounds 3', 'the lecture: from a switch of scenes to its first bars and measured ones'],
    ['npm run bench -- paced', 'the lecture: every schedule measured, ideal and formula; the efficiency of DDP'],
    ['npm run bench -- votes', 'steps of four tabs while thirty phones vote'],
    ['npm run bench -- bubble', 'the bubble of every schedule'],
    ['npm run bench -- kept --tabs 2', 'what checkpoints every half minute cost, in one run'],
    ['npm run bench -- flood', 'messages of two clients while a thousand sockets of another address flood the server'],
    ['npm run bench -- relay', 'four processes in a ring through the server: bytes a second, core time of the server'],
  ],
};

await runCommand(HELP, async ([name = 'all', ...args]) => {
  const bench = BENCHES[name];
  if (!bench) throw new InputError(`There is no bench ${name}; choose one of ${NAMES.join(', ')}.`);
  console.log(await bench(args));
  await endProcess(0);
});
