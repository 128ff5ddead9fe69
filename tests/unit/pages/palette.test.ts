/**
 * The palettes of tokens.css in numbers: every colour stands out from its surface, and any two of one palette differ for
 * people with and without each kind of colour blindness (Machado et al. 2009, severity 1; distances in Oklab).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

type Triple = readonly [number, number, number];
type Look = 'light' | 'dark';

const css = readFileSync(join(import.meta.dirname, '../../../src/pages/styles/tokens.css'), 'utf8');
const tokens = [...css.matchAll(/--([\w-]+): light-dark\((#\w+), (#\w+)\)/g)].map(([, name, light, dark]) => ({
  name: name!,
  light: light!,
  dark: dark!,
}));
const token = (name: string) => tokens.find((one) => one.name === name)!;
const ranks = tokens.filter(({ name }) => name.startsWith('rank-'));
const ops = tokens.filter(({ name }) => name.startsWith('op-') && name !== 'op-wait');

/** Rows of a matrix on linear RGB. */
const VISIONS: Readonly<Record<string, readonly Triple[]>> = {
  typical: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (rows: readonly Triple[], [a, b, c]: Triple): Triple =>
  rows.map(([x, y, z]) => x * a + y * b + z * c) as unknown as Triple;

function linear(hex: string): Triple {
  const full = hex.length === 4 ? hex.replace(/\w/g, '$&$&') : hex;
  return [1, 3, 5].map((at) => {
    const value = Number.parseInt(full.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as unknown as Triple;
}

function contrast(a: string, b: string): number {
  const [high, low] = [a, b].map((hex) => times([[0.2126, 0.7152, 0.0722]], linear(hex))[0]!).sort((x, y) => y - x) as [
    number,
    number,
  ];
  return (high + 0.05) / (low + 0.05);
}

/** Oklab (Ottosson 2020) of linear RGB. */
function oklab(rgb: Triple): Triple {
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  ).map(Math.cbrt) as unknown as Triple;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    lms,
  );
}

const seen = (hex: string, rows: readonly Triple[]) =>
  oklab(times(rows, linear(hex)).map((value) => Math.min(1, Math.max(0, value))) as unknown as Triple);

const LOOKS: readonly Look[] = ['light', 'dark'];

test.each(LOOKS)('text stands out 4.5 to 1 and palettes 3 to 1 (WCAG 1.4.3 and 1.4.11): %s', (look) => {
  const surface = token('surface')[look];
  const text = ['ink', 'muted', 'accent', 'good', 'warn', 'bad', 'held-out'].map(token);
  for (const { name, [look]: hex } of text) expect([name, contrast(hex, surface) >= 4.5]).toEqual([name, true]);
  for (const { name, [look]: hex } of [...ranks, ...ops]) {
    expect([name, contrast(hex, surface) >= 3]).toEqual([name, true]);
  }
});

test.each(LOOKS)('any two ranks and any two lines differ for every kind of colour vision: %s', (look) => {
  expect([ranks.length, ops.length]).toEqual([8, 7]);
  // why 0.09: about four just noticeable differences (0.02 in Oklab)
  for (const [vision, rows] of Object.entries(VISIONS)) {
    for (const palette of [ranks, ops]) {
      for (const [at, a] of palette.entries()) {
        for (const b of palette.slice(at + 1)) {
          const distance = Math.hypot(...seen(a[look], rows).map((x, i) => x - seen(b[look], rows)[i]!));
          expect([vision, a.name, b.name, distance >= 0.09]).toEqual([vision, a.name, b.name, true]);
        }
      }
    }
  }
});
