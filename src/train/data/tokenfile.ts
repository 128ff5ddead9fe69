/**
 * Reads the numbers in a file of tokens: bare little-endian numbers as nanoGPT writes them, numpy's .npy, or the files
 * of llm.c. A file that looks like another format is rejected, so that no run trains on wrong numbers.
 */
import { InputError } from '../../errors';
import { MAX_SHORT_VOCAB, type Tokens, tokensOf } from './tokens';

/** Tokens of `bytes` for a vocabulary of `vocab`. Throws InputError naming `source` and what is wrong. */
export function readTokenFile(source: string, vocab: number, bytes: Uint8Array): Tokens {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { at, each } = layoutOf(source, vocab, view);
  const count = (bytes.byteLength - at) / each;
  const read =
    each === 2 ? (i: number) => view.getUint16(at + 2 * i, true) : (i: number) => view.getUint32(at + 4 * i, true);
  const numbers = each === 2 ? new Uint16Array(count) : new Uint32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = read(i);
  return each === 2 ? numbers : tokensOf(numbers, Math.max(vocab, 1 + max(numbers)));
}

const max = (numbers: ArrayLike<number>) => {
  let most = 0;
  for (let i = 0; i < numbers.length; i++) most = Math.max(most, numbers[i]!);
  return most;
};

interface TokenLayout {
  /** First byte of the numbers. */
  readonly at: number;
  /** Bytes of a number. */
  readonly each: 2 | 4;
}

function layoutOf(source: string, vocab: number, view: DataView): TokenLayout {
  const layout = numpy(source, view) ?? llmC(source, view) ?? bare(source, vocab, view);
  const bytes = view.byteLength - layout.at;
  if (bytes % layout.each !== 0) {
    const why = layout.each === 2 ? 'an odd number' : `no multiple of 4 (model.vocab ${vocab} > ${MAX_SHORT_VOCAB})`;
    throw new InputError(`${source} has ${bytes} bytes, ${why}, but tokens are ${layout.each} bytes each`);
  }
  return layout;
}

function bare(source: string, vocab: number, view: DataView): TokenLayout {
  if (vocab > MAX_SHORT_VOCAB) return { at: 0, each: 4 };
  const numbers = Math.floor(view.byteLength / 4);
  let isWide = numbers >= 16 && view.byteLength % 4 === 0;
  for (let i = 0; isWide && i < numbers; i++) isWide = view.getUint16(4 * i + 2, true) === 0;
  if (isWide) {
    throw new InputError(
      `every second number of ${source} is 0, so it looks like int32; tokens are uint16: numpy.memmap(...).astype('uint16').tofile(PATH)`,
    );
  }
  return { at: 0, each: 2 };
}

/** numpy's format, version 1 to 3: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
function numpy(source: string, view: DataView): TokenLayout | undefined {
  const isNumpy = view.byteLength >= 12 && view.getUint32(0) === 0x934e554d && view.getUint16(4) === 0x5059;
  if (!isNumpy) return undefined;
  const isFirst = view.getUint8(6) === 1;
  const [from, length] = isFirst ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const at = from + length;
  const header = new TextDecoder().decode(
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).subarray(from, at),
  );
  const type = /'descr': *'([^']*)'/.exec(header)?.[1] ?? 'unknown';
  const each = { '<u2': 2, '<u4': 4, '<i4': 4 }[type] as 2 | 4 | undefined;
  if (each === undefined || !/'shape': *\(\d+,\)/.test(header)) {
    throw new InputError(
      `${source} is a .npy of type ${type}; tokens are one row of uint16, uint32 or int32: numpy.save(PATH, tokens.astype('uint16'))`,
    );
  }
  return { at, each };
}

const LLMC_HEADER_BYTES = 1024;
/** Bytes per token, by the first number of the file. */
const LLMC: Readonly<Record<number, 2 | 4>> = { 20240520: 2, 20240801: 4 };

/** A file of llm.c: its header has 256 int32 and begins with kind, version and number of tokens. */
function llmC(source: string, view: DataView): TokenLayout | undefined {
  if (view.byteLength < LLMC_HEADER_BYTES) return undefined;
  const each = LLMC[view.getInt32(0, true)];
  if (each === undefined) return undefined;
  const said = view.getInt32(8, true);
  const has = (view.byteLength - LLMC_HEADER_BYTES) / each;
  if (said !== has) throw new InputError(`${source} of llm.c says ${said} tokens in its header and has ${has}`);
  return { at: LLMC_HEADER_BYTES, each };
}
