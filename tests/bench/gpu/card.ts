/** `npm run bench -- card`: the device card of this process's device. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openDawn } from '../../../src/cli/machine/dawn';
import { openDevice } from '../../../src/gpu/device';
import { measureCard } from '../../../src/worker/chip/card';
import { type Card, cardText } from '../../../src/worker/chip/cardfile';

export async function cardHere(): Promise<Card> {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  return measureCard(await openDevice(await openDawn()), { by: 'Node', version });
}

/** `--out FILE`: writes it there, too. Resolves to the JSON. */
export async function benchCard(args: readonly string[]): Promise<string> {
  const { values } = parseArgs({ args: [...args], options: { out: { type: 'string' } } });
  const text = cardText(await cardHere());
  if (values.out) writeFileSync(values.out, text);
  return text.trimEnd();
}
