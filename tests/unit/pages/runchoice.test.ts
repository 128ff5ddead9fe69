import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEFAULT_CHOICE, PRESETS, presetOf, RANGES, runFileOf } from '../../../src/pages/state/runchoice';
import { settingsOf } from '../../../src/pages/state/settings';
import { weightOf } from '../../../src/pages/state/weight';
import { totalOf } from '../../../src/plan/sizes';
import { memoryPlan } from '../../../src/train/rank/memoryplan';
import { parseRunFile, readRunFile } from '../../../src/train/runfile';

test('the default choice is the run that the headless run starts without a file', () => {
  const { model, data, train, plan } = readRunFile(readFileSync('examples/default.json', 'utf8'));
  const chosen = runFileOf(DEFAULT_CHOICE, '');
  expect(chosen.model).toEqual(model);
  expect(chosen.data).toEqual(data);
  expect(chosen.plan).toEqual(plan);
  expect(chosen.train).toEqual(train);
});

test('every preset and every corner of the form is a valid run file', () => {
  for (const preset of Object.values(PRESETS)) parseRunFile(runFileOf({ ...DEFAULT_CHOICE, ...preset }, ''));
  for (const end of ['min', 'max'] as const) {
    const corner = Object.fromEntries(Object.entries(RANGES).map(([field, range]) => [field, range[end]]));
    const choice = { ...DEFAULT_CHOICE, ...corner };
    expect(parseRunFile(runFileOf(choice, ''))).toEqual(runFileOf(choice, ''));
  }
});

test('own text is named by its file', () => {
  expect(runFileOf({ ...DEFAULT_CHOICE, source: 'own' }, 'my text.txt').data.source).toBe('file:my text.txt');
});

test('a preset is recognised until one of its numbers is changed', () => {
  expect(presetOf(DEFAULT_CHOICE)).toBe('small');
  expect(presetOf({ ...DEFAULT_CHOICE, steps: 601 })).toBeUndefined();
});

test('parameters of the default model: 83 tokens, context 64, 2 layers of width 64', () => {
  // 83 * 64 + 64 * 64 + 2 * (12 * 64^2 + 13 * 64) + 2 * 64
  expect(weightOf(DEFAULT_CHOICE, 83).parameters).toBe(109_504);
});

test('the memory on the first screen is what the run plans for one tab', () => {
  for (const preset of Object.values(PRESETS)) {
    const choice = { ...DEFAULT_CHOICE, ...preset };
    const run = runFileOf(choice, '');
    const [alone] = memoryPlan({ ...run, model: { ...run.model, vocab: 83 } });
    expect(weightOf(choice, 83).bytes).toBe(totalOf(alone!));
  }
});

test('settings that somebody else wrote are defaults, field by field', () => {
  expect(settingsOf({ theme: 'pink', name: 7, logScale: true, choice: { layers: 1e9 } })).toEqual({
    theme: 'auto',
    name: '',
    logScale: true,
    choice: null,
  });
  expect(settingsOf('nonsense')).toEqual({ theme: 'auto', name: '', logScale: false, choice: null });
});
