import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newSecret } from '../../../src/net/signaling/roomkey';
import { readFragment, writeFragment } from '../../../src/pages/state/fragment';
import { DEFAULT_CHOICE, LR, PLANS, RANGES, runFileOf, TOKENIZERS } from '../../../src/pages/state/runchoice';
import { parseRunFile } from '../../../src/train/runfile';

const within = ({ min, max }: { min: number; max: number }) => fc.integer({ min, max });
const choices = fc.record({
  source: fc.constantFrom('moby-dick' as const, 'names' as const),
  tokenizer: fc.constantFrom(...TOKENIZERS),
  layers: within(RANGES.layers),
  heads: within(RANGES.heads),
  headSize: within(RANGES.headSize),
  context: within(RANGES.context),
  batch: within(RANGES.batch),
  steps: within(RANGES.steps),
  lr: fc.integer({ min: 1, max: 100_000 }).map((millionths) => millionths * LR.min),
  seed: within(RANGES.seed),
  links: fc.constantFrom('near', 'webrtc'),
  plan: fc.constantFrom(...PLANS),
  vocab: within(RANGES.vocab),
});

test('what is written into a link is read from it', () => {
  fc.assert(
    fc.property(choices, (choice) => {
      const secret = newSecret();
      const read = readFragment(writeFragment(secret, choice));
      expect(read.secret).toBe(secret);
      expect(read.refused).toEqual([]);
      expect(read.choice).toEqual(choice);
    }),
  );
});

test('what mailers do to a link leaves its room and its choice, or is said', () => {
  const secret = newSecret();
  const link = writeFragment(secret, { ...DEFAULT_CHOICE, layers: 3 });
  expect(readFragment(link.replaceAll('&', '&amp;'))).toMatchObject({ secret, choice: { layers: 3 }, refused: [] });
  expect(readFragment(`#room=${secret}.`)).toMatchObject({ secret, refused: [] });
  const dotted = readFragment(`${link}.`);
  expect(dotted.secret).toBe(secret);
  expect(dotted.refused.length + Number(dotted.choice.layers === 3)).toBe(1);
  for (const broken of [`#room=3D${secret}`, `#room=${secret.slice(1)}`, `#room=${secret}a`]) {
    expect(readFragment(broken)).toMatchObject({ secret: undefined, refused: [expect.stringContaining('damaged')] });
  }
});

test('ten thousand hostile fragments end as a run file that is valid, with a sentence for what was left out', () => {
  const keys = fc.constantFrom(
    'room',
    'source',
    'layers',
    'heads',
    'headSize',
    'lr',
    'steps',
    'seed',
    '__proto__',
    'x',
  );
  const values = fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String), fc.constant('1e999'));
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, values), { maxLength: 12 }), (pairs) => {
      const { choice, secret, refused } = readFragment(`#${new URLSearchParams(pairs)}`);
      expect(() => parseRunFile(runFileOf(choice, ''))).not.toThrow();
      expect(secret === undefined || /^[A-Za-z0-9_-]{22}$/.test(secret)).toBe(true);
      for (const sentence of refused) expect(sentence.length).toBeLessThan(200);
    }),
    { numRuns: 10_000 },
  );
});

test('a value out of range is named with the range, and the default is taken', () => {
  const { choice, refused } = readFragment('#layers=9999&heads=2');
  expect(choice.layers).toBe(DEFAULT_CHOICE.layers);
  expect(choice.heads).toBe(2);
  expect(refused).toEqual([
    'The link asks for layers = 9999, which must be an integer from 1 to 12; the default is taken.',
  ]);
});

test('a damaged room opens a new one and says so', () => {
  const { secret, refused } = readFragment('#room=tooshort');
  expect(secret).toBeUndefined();
  expect(refused).toHaveLength(1);
});

test('own text never gets into a link', () => {
  const fragment = writeFragment(newSecret(), { ...DEFAULT_CHOICE, source: 'own', layers: 3 });
  expect(fragment).toMatch(/^#room=[A-Za-z0-9_-]{22}$/);
});
