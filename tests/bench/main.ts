/** `npm run bench`: network figures of this machine, as ratios in one run. */
import { requireBrowser } from '../../src/cli/browser';
import { benchRing } from './net/run';

const result = await benchRing({ executablePath: requireBrowser() });
console.log(JSON.stringify(result, null, 2));
