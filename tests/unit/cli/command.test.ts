/** Every command explains itself, and a wrong word costs one sentence. */
import { describe, expect, test } from 'vitest';
import { helpText } from '../../../src/cli/command';
import { noAdapterSentence } from '../../../src/cli/machine/dawn';

describe('help', () => {
  test('has what the command does, its usage and one line for each example', () => {
    const text = helpText({ about: 'Does it.', usage: 'npm run it', examples: [['npm run it', 'once']] });
    expect(text).toBe('Does it.\n\nUsage: npm run it\n\nExamples:\n  npm run it   once');
  });
});

describe('a machine without a driver', () => {
  test.each(['linux', 'darwin', 'win32', 'freebsd'] as const)(
    '%s: what is missing for Node and the way out',
    (platform) => {
      const sentence = noAdapterSentence(platform);
      expect(sentence).toMatch(/^Node found no graphics adapter: .+\. Or run with --tabs\.$/);
      expect(sentence).not.toContain('browser found');
    },
  );
});
