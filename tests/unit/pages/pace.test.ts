/** The pace of a run by the wall clock. */
import { expect, test } from 'vitest';
import { StepPace } from '../../../src/pages/state/pace';

test('is the mean over the window, whatever else happens between steps', () => {
  const pace = new StepPace();
  expect(pace.read(0, 0)).toBe(0);
  expect(pace.read(10, 1000)).toBe(100);
  expect(pace.read(10, 1500)).toBe(100);
  // A slow step (an evaluation, say) counts.
  expect(pace.read(11, 3300)).toBe(300);
});

test('forgets what is older than 20 s, a pause and a run that began anew', () => {
  const pace = new StepPace();
  pace.read(0, 0);
  pace.read(1, 10_000);
  pace.read(2, 10_100);
  expect(pace.read(3, 25_000)).toBe(7500);
  pace.clear();
  expect(pace.read(4, 60_000)).toBe(0);
  expect(pace.read(6, 60_100)).toBe(50);
  expect(pace.read(1, 60_200)).toBe(0);
});
