import { expect, test } from 'vitest';
import { bytes, duration, rate, short } from '../../../src/pages/state/format';

test('bytes have three significant digits and decimal units', () => {
  expect([0, 812, 1000, 10_450, 438_016, 999_600, 1_752_064, 2.5e9].map(bytes)).toEqual([
    '0 B',
    '812 B',
    '1.00 kB',
    '10.4 kB',
    '438 kB',
    '1000 kB',
    '1.75 MB',
    '2.50 GB',
  ]);
});

test('durations, rates and counts are short', () => {
  expect([8.2, 87, 3661].map(duration)).toEqual(['8 s', '1:27 min', '1:01 h']);
  expect([3.14, 4312.4].map(rate)).toEqual(['3.1', '4,312']);
  expect([512, 109_504, 4_800_000].map(short)).toEqual(['512', '110 k', '4.8 M']);
});
