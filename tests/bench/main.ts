/**
 * `npm run bench [-- NAME ...]`: figures of this machine. Each bench is a file beside this one; `net`, which is `ring` and
 * `links`, where none is named. Single measurements go to stderr as they are made, the results to stdout.
 */
import { join } from 'node:path';
import { requireBrowser } from '../../src/cli/browser';
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

const BENCHES: Record<string, (args: readonly string[]) => Promise<string>> = {
  net: async () => print({ ring: await ring(), links: await links() }),
  ring: async () => print(await ring()),
  links: async () => print(await links()),
  bubble: (args) => benchBubble(args, places, { pages, rank: join(here, 'rank.js') }),
};

const [name = 'net', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (!bench) throw new Error(`there is no bench ${name}; choose ${Object.keys(BENCHES).join(' or ')}`);
console.log(await bench(args));
process.exit(0);
