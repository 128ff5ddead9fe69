/** `npm run bench [-- NAME ...]`: figures of this machine. Each bench is a file beside this one; `net` where none is named. */
import { join } from 'node:path';
import { requireBrowser } from '../../src/cli/browser';
import { benchRing } from './net/run';
import { benchBubble } from './plan/bubble';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const places = { pages, example: join(here, '..', '..', 'examples', 'default.json') };

const BENCHES: Record<string, (args: readonly string[]) => Promise<string>> = {
  net: async () => JSON.stringify(await benchRing({ executablePath: requireBrowser() }), null, 2),
  bubble: (args) => benchBubble(args, places, { pages, rank: join(here, 'rank.js') }),
};

const [name = 'net', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (!bench) throw new Error(`there is no bench ${name}; choose ${Object.keys(BENCHES).join(' or ')}`);
console.log(await bench(args));
process.exit(0);
