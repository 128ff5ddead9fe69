/**
 * Reads safetensors files with every check that an untrusted file needs, and writes them for Hugging Face's readers.
 * Knows no model. Format: https://github.com/huggingface/safetensors#format
 */
import { InputError, sentenceOf } from '../../errors';
import type { ByteSource } from '../../storage/bytes';

/** Bytes per element of each supported type. */
const DTYPES = new Map([
  ['F64', 8],
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I64', 8],
  ['I32', 4],
  ['I16', 2],
  ['I8', 1],
  ['U8', 1],
  ['BOOL', 1],
]);
const MAX_HEADER_BYTES = 1 << 20;

/** A tensor of a file; `bytes` is a view into the file's bytes. */
export interface FileTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

interface Entry extends Omit<FileTensor, 'bytes'> {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

interface FileHeader {
  /** In file order; `from` and `to` count from `dataAt`. */
  readonly tensors: readonly Entry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** First byte of the data in the file. */
  readonly dataAt: number;
}

function check(holds: boolean, sentence: () => string): asserts holds {
  if (!holds) throw new InputError(`the safetensors file is broken: ${sentence()}`);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The tensors of a file by name, in file order. Throws InputError saying what is wrong; never reads out of bounds. */
export function readSafetensors(file: Uint8Array): ReadonlyMap<string, FileTensor> {
  const start = startOfData(file.subarray(0, 8), file.byteLength);
  const { tensors } = parseHeader(file.subarray(8, start), file.byteLength - start);
  return new Map(
    tensors.map(({ name, dtype, shape, from, to }) => [
      name,
      { dtype, shape, bytes: file.subarray(start + from, start + to) },
    ]),
  );
}

/** The header of a file whose data is read later. Throws InputError as readSafetensors does. */
export async function readHeader(source: ByteSource): Promise<FileHeader> {
  const first = await source.read(0, Math.min(8, source.sizeBytes));
  const dataAt = startOfData(first, source.sizeBytes);
  return { ...parseHeader(await source.read(8, dataAt), source.sizeBytes - dataAt), dataAt };
}

/** Position of the data in the file, from the first 8 bytes. */
function startOfData(first: Uint8Array, sizeBytes: number): number {
  check(first.byteLength === 8, () => `it has ${sizeBytes} bytes and the length of its header alone takes 8`);
  const headerBytes = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  check(headerBytes <= MAX_HEADER_BYTES, () => `its header claims ${headerBytes} bytes, more than ${MAX_HEADER_BYTES}`);
  const start = 8 + headerBytes;
  check(start <= sizeBytes, () => `its header ends at byte ${start} and the file at ${sizeBytes}`);
  return start;
}

function parseHeader(bytes: Uint8Array, dataBytes: number): Omit<FileHeader, 'dataAt'> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    check(false, () => `its header is not JSON (${sentenceOf(error)})`);
  }
  check(isObject(header), () => 'its header is not an object');
  let metadata: Readonly<Record<string, string>> = {};
  // why entries: they are own properties only, so a tensor named __proto__ is just a name
  const tensors = Object.entries(header).flatMap(([name, value]) => {
    if (name !== '__metadata__') return readEntry(name, value);
    check(isObject(value) && Object.values(value).every((text) => typeof text === 'string'), () => {
      return '__metadata__ is not a map of texts';
    });
    metadata = value as Readonly<Record<string, string>>;
    return [];
  });
  let at = 0;
  for (const { name, from, to } of tensors.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    check(from === at, () => `tensor ${name} begins at ${from}, but the one before ends at ${at}`);
    at = to;
  }
  check(at === dataBytes, () => `its tensors end at ${at} and its data at ${dataBytes}`);
  return { tensors, metadata };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readEntry(name: string, value: unknown): Entry {
  const keys = isObject(value) ? Object.keys(value).sort().join(' ') : '';
  check(isObject(value) && keys === 'data_offsets dtype shape', () => {
    return `tensor ${name} must have data_offsets, dtype and shape and nothing else`;
  });
  const { dtype, shape, data_offsets: offsets } = value as { dtype: unknown; shape: unknown; data_offsets: unknown };
  const size = typeof dtype === 'string' ? DTYPES.get(dtype) : undefined;
  check(typeof dtype === 'string' && size !== undefined, () => `tensor ${name} has a dtype that is not known`);
  check(Array.isArray(shape) && shape.length <= 8 && shape.every(isCount), () => `tensor ${name} has no proper shape`);
  check(Array.isArray(offsets) && offsets.length === 2 && offsets.every(isCount), () => {
    return `tensor ${name} has no proper data_offsets`;
  });
  const [from, to] = offsets as [number, number];
  // why every partial product: a zero dim must not hide an earlier overflow
  let product: number = size;
  let safe = true;
  for (const dim of shape) {
    product *= dim;
    safe &&= Number.isSafeInteger(product);
  }
  check(safe && to - from === product, () => {
    return `tensor ${name} of shape [${shape.join(', ')}] and type ${dtype} does not take ${to - from} bytes`;
  });
  return { name, dtype, shape, from, to };
}

/** The elements of a tensor of a floating point type. Throws InputError for other types. */
export function toFloats(name: string, { dtype, bytes }: FileTensor): Float32Array {
  // why not slice: on Node's Buffer it returns a view of the whole file
  const copy = new Uint8Array(bytes).buffer;
  switch (dtype) {
    case 'F32':
      return new Float32Array(copy);
    case 'F64':
      return Float32Array.from(new Float64Array(copy));
    case 'BF16':
      return new Float32Array(Uint32Array.from(new Uint16Array(copy), (half) => half << 16).buffer);
    case 'F16':
      return Float32Array.from(new Uint16Array(copy), halfToFloat);
    default:
      throw new InputError(`tensor ${name} has type ${dtype}; weights are F32, F16, BF16 or F64`);
  }
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * The beginning of a file of F32 tensors in the given order, up to the data of the first one. The data of all tensors
 * follow each other without gaps.
 */
export function safetensorsHeader(
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  let at = 0;
  const entries = tensors.map(({ name, shape }) => {
    const sizeBytes = shape.reduce((product, dim) => product * dim, 4);
    const offsets = [at, at + sizeBytes];
    at += sizeBytes;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype: 'F32', shape, data_offsets: offsets })}`;
  });
  // why "pt": transformers refuses files that do not say which framework's layout they have
  const described = `"__metadata__":${JSON.stringify({ format: 'pt', ...metadata })}`;
  const header = new TextEncoder().encode(`{${[described, ...entries].join(',')}}`);
  const padded = Math.ceil(header.byteLength / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(header, 8);
  return bytes;
}

/** A file of F32 tensors, in the given order. */
export function writeSafetensors(
  tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly data: Float32Array }[],
): Uint8Array {
  const header = safetensorsHeader(tensors);
  const file = new Uint8Array(header.byteLength + tensors.reduce((sum, { data }) => sum + data.byteLength, 0));
  file.set(header);
  let end = header.byteLength;
  for (const { data } of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), end);
    end += data.byteLength;
  }
  return file;
}
