/** Numbers as people read them. Bytes are decimal (1 kB = 1000 B), as in the run's files and in every comparison. */
const LOCALE = 'en';
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export const count = (value: number) => whole.format(value);

/** Three significant digits: 0 B, 812 B, 104 kB, 1.72 MB. */
export function bytes(value: number): string {
  const power = value < 1000 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  const digits = power === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${BYTE_UNITS[power]}`;
}

/** 110 k, 4.8 M: for parameter counts. */
export function short(value: number): string {
  if (value < 1000) return count(value);
  const [scaled, unit] = value < 1e6 ? [value / 1e3, 'k'] : [value / 1e6, 'M'];
  return `${scaled >= 100 ? scaled.toFixed(0) : scaled.toFixed(1)} ${unit}`;
}

export const loss = (value: number) => value.toFixed(3);

/** Tokens per second: whole numbers with separators, one decimal below 10. */
export const rate = (value: number) => (value < 10 ? value.toFixed(1) : count(value));

/** Seconds in one short word: 8 s, 2:05 min, 1:04 h. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)} min`;
  return `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))} h`;
}

export const milliseconds = (value: number) => `${value < 10 ? value.toFixed(1) : count(value)} ms`;
