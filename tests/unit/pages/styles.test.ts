/** What stylesheets must not do: an endless animation draws 60 frames a second and takes the processor from training. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const STYLES = join(import.meta.dirname, '../../../src/pages/styles');

test('no stylesheet animates: pictures move on with the steps', () => {
  const animated = readdirSync(STYLES).filter((name) =>
    /@keyframes|animation/.test(readFileSync(join(STYLES, name), 'utf8')),
  );
  expect(animated).toEqual([]);
});
