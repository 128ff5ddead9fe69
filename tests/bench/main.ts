/**
 * `npm run bench [-- NAME ...]`: figures of this machine. Each bench is a file beside this one; `gpu`, which is `train`,
 * `matmul` and `attention`, then `net`, which is `ring` and `links`, where none is named. `--profile`: where a step's time
 * goes. Single measurements go to stderr as they are made, the results to stdout.
 */
import { join } from 'node:path';
import { requireBrowser } from '../../src/cli/browser';
import { benchGpu } from './gpu/bench';
import { benchLinks } from './net/emulated';
import { benchRing } from './net/ring';
import { benchBubble } from './plan/bubble';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const places = { pages, example: join(here, '..', '..', 'examples', 'default.json') };

const say = (result: object) => console.error(JSON.stringify(result));
const ring = () => benchRing({ executablePath: requireBrowser(), onResult: say });
const links = () => benchLinks(requireBrowser(), say);
const print = (results: object) => JSON.stringify(results, null, 2);

const net = async () => print({ ring: await ring(), links: await links() });

const BENCHES: Record<string, (args: readonly string[]) => Promise<string>> = {
  all: async (args) => `${await benchGpu(['train', 'matmul', 'attention'], args)}\n${await net()}`,
  gpu: (args) => benchGpu(['train', 'matmul', 'attention'], args),
  train: (args) => benchGpu(['train'], args),
  matmul: (args) => benchGpu(['matmul'], args),
  attention: (args) => benchGpu(['attention'], args),
  '--profile': (args) => benchGpu(['profile'], args),
  net,
  ring: async () => print(await ring()),
  links: async () => print(await links()),
  bubble: (args) => benchBubble(args, places, { pages, rank: join(here, 'noderank.js') }),
};

const [name = 'all', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (!bench) throw new Error(`there is no bench ${name}; choose ${Object.keys(BENCHES).join(' or ')}`);
console.log(await bench(args));
process.exit(0);
