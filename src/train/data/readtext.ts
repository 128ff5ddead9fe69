/**
 * Extracts the text from the bytes of a file: UTF-8, gzipped or not; from jsonl and csv it takes one field. Other
 * formats are rejected by name.
 */
import { gunzipSync } from 'fflate';
import { InputError, sentenceOf } from '../../errors';
import type { RunFile } from '../runfile';

/** The ending of `name` gives the format; `field` is that of jsonl and csv. Throws InputError naming `name`. */
export function readText(name: string, field: string, bytes: Uint8Array): string {
  const text = plainText(name, bytes);
  // why not joined texts: they were read before they were joined
  const kind = isJoined(name) ? '' : name.replace(/\.gz$/i, '').slice(-6).toLowerCase();
  if (kind === '.jsonl') return lines(name, text).join('\n');
  if (kind.endsWith('.csv')) return column(name, field, text).join('\n');
  checkIsText(name, text);
  return text;

  function lines(of: string, all: string): string[] {
    const rows = all.split('\n').filter((line) => line.trim() !== '');
    return rows.map((row, i) => fieldOf(of, field, row, i + 1));
  }
}

/** Between the names of several files that are one text. */
export const AND = ' + ';

const isJoined = (name: string) => name.includes(AND);

/** The text in the bytes of a run's source. Throws InputError, see readText. */
export const textOf = ({ source, field = 'text' }: RunFile['data'], bytes: Uint8Array) =>
  readText(source, field, bytes);

/** What the bytes hold: UTF-8, gzipped or not. Throws InputError naming `name`. */
export function plainText(name: string, bytes: Uint8Array): string {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? plainText(name, unzipped(name, bytes)) : utf8(name, bytes);
}

function unzipped(name: string, bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new InputError(`${name} is a broken gzip: ${sentenceOf(error)}`);
  }
}

function utf8(name: string, bytes: Uint8Array): string {
  const [a, b, c, d] = bytes;
  const starts = (...due: number[]) => due.every((byte, i) => bytes[i] === byte);
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    throw new InputError(`${name} is UTF-16; save it as UTF-8`);
  if (starts(0x50, 0x41, 0x52, 0x31))
    throw new InputError(`${name} is Parquet; export its text column as .jsonl or .csv`);
  if (starts(0x50, 0x4b, 3, 4)) throw new InputError(`${name} is a zip; unpack it first`);
  if (a !== 0 && b === 0 && c !== 0 && d === 0)
    throw new InputError(`${name} is UTF-16 without a mark; save it as UTF-8`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // why: in the old text encodings, bytes below 32 are not characters, except white space
    const isText = bytes.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));
    throw new InputError(`${name} is not UTF-8 text${isText ? ' but looks like Windows-1252' : ''}; save it as UTF-8`);
  }
}

/** Rejects a model's own files (config.json, tokenizer.json), which nobody means to train on. */
function checkIsText(name: string, text: string): void {
  if (!/^\s*\{/.test(text) || text.length > 50_000_000) return;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  if (!keys.includes('model_type') && !(keys.includes('model') && keys.includes('added_tokens'))) return;
  throw new InputError(`${name} is a file of a model (${keys.slice(0, 3).join(', ')}), not a text; give a text`);
}

function fieldOf(name: string, field: string, row: string, line: number): string {
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch {
    throw new InputError(`line ${line} of ${name} is not JSON`);
  }
  const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  if (typeof found === 'string') return found;
  const keys = typeof value === 'object' && value !== null ? Object.keys(value).join(', ') : 'none';
  const hint = keys === 'messages' ? '; these are chats: set data.chat' : '';
  throw new InputError(`line ${line} of ${name} has no text in data.field ${field}; its fields are ${keys}${hint}`);
}

function column(name: string, field: string, text: string): string[] {
  const [head = [], ...rows] = csvRows(name, text);
  const at = head.indexOf(field);
  if (at < 0) throw new InputError(`${name} has no column data.field ${field}; its columns are ${head.join(', ')}`);
  return rows.map((row, i) => {
    if (row.length === head.length) return row[at]!;
    throw new InputError(`row ${i + 2} of ${name} has ${row.length} fields and the first row ${head.length}`);
  });
}

/** Parses CSV as in RFC 4180: fields may be quoted, and quotes inside them are doubled. Throws InputError where they are not. */
function csvRows(name: string, text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let next = 0;
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    const [all, quoted, plain, end] = match;
    if (match.index !== next) {
      throw new InputError(
        `row ${rows.length + 1} of ${name} has a quote or a line end that CSV does not allow: quote the whole field and double the quotes in it`,
      );
    }
    next += all.length;
    if (end === '' && row.length === 0 && quoted === undefined && plain === '') break;
    row.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
    if (end === '') break;
  }
  return rows;
}
