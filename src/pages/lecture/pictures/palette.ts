/** The colours of the canvases, resolved once per colour scheme, and a legible text colour for each background. */
import { colourOf } from '../../colour';

const cache = new Map<string, string>();
const inks = new Map<string, string>();

/** Clears the cached colours after a change of the colour scheme. */
/** Opacity of what belongs to `of` while `lit` is followed: pale where it is something else. */
export const brightness = (of: number, lit: number | undefined): number => (lit === undefined || of === lit ? 1 : 0.25);

export function renewPalette(): void {
  cache.clear();
}

/** The value of the custom property `name` of tokens.css. */
export function paint(name: string): string {
  const known = cache.get(name);
  if (known) return known;
  const colour = colourOf(name);
  cache.set(name, colour);
  return colour;
}

/** The colour of a rank, chunk or microbatch: index modulo 8. Pictures always show the number beside it. */
export const markOf = (index: number): string => paint(`--rank-${index % 8}`);

/** Black or white, whichever has more contrast on `colour` (`rgb(r, g, b)`). */
export function inkOn(colour: string): string {
  const known = inks.get(colour);
  if (known) return known;
  const ink = contrasting(colour);
  inks.set(colour, ink);
  return ink;
}

function contrasting(colour: string): string {
  const [r, g, b] = (colour.match(/[\d.]+/g) ?? ['0', '0', '0']).map(Number);
  const linear = (value: number) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * linear(r!) + 0.7152 * linear(g!) + 0.0722 * linear(b!);
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}
