/**
 * Codes for the floats of a coded collective: f16, or signed integers of 8 or 4 bits in blocks with one scale each. All
 * arithmetic rounds the same on every rank, so all ranks get the same bits. A block that contains a non-finite value
 * decodes to NaN in all elements, so a code never hides such a value.
 */
import { ProtocolError } from '../../errors';
import { codedBytes, type Wire } from '../../plan/wire';
import type { Tag } from '../wire/transport';

export interface Codec {
  encode(x: Float32Array): Uint8Array;
  /** Decodes `floats` elements; `tag` names the message. Throws ProtocolError if the length of `bytes` does not fit. */
  decode(bytes: Uint8Array, floats: number, tag: Tag): Float32Array;
}

/** Number of elements that share a scale. */
const BLOCK = 64;
/** A block whose largest absolute value is below this is coded as 0: its scale would not be a normal float. */
const TINY = 2 ** -100;

/** The codec of a wire format; undefined for f32, which is sent without coding. */
export function codecOf(wire: Wire): Codec | undefined {
  if (wire === 'f32') return undefined;
  return wire === 'f16' ? F16 : integerCodec(wire === 'int8' ? 8 : 4);
}

/** q = rint(x 127 / a), x ~ q a / 127, with a = max |x| of the block. 4 bits: 7 in place of 127, two codes a byte. */
export function integerCodec(bits: 8 | 4, block = BLOCK): Codec {
  const most = bits === 8 ? 127 : 7;
  return {
    encode(x) {
      const blocks = Math.ceil(x.length / block);
      const bytes = new Uint8Array(codedBytes(x.length, bits, block));
      const scales = new DataView(bytes.buffer, 0, 4 * blocks);
      const codes = new Int8Array(bytes.buffer, 4 * blocks);
      for (let b = 0; b < blocks; b++) {
        const [from, to] = [b * block, Math.min(x.length, (b + 1) * block)];
        const largest = largestOf(x, from, to);
        const isZero = largest < TINY;
        scales.setFloat32(4 * b, isZero ? 0 : Math.fround(largest / most), true);
        if (isZero || Number.isNaN(largest)) continue;
        const factor = Math.fround(most / largest);
        for (let i = from; i < to; i++) {
          const code = Math.max(-most, Math.min(most, rint(Math.fround(x[i]! * factor))));
          if (bits === 8) codes[i] = code;
          else codes[i >> 1] = codes[i >> 1]! | ((code & 15) << (4 * (i & 1)));
        }
      }
      return bytes;
    },
    decode(bytes, floats, tag) {
      check(bytes, codedBytes(floats, bits, block), tag);
      const blocks = Math.ceil(floats / block);
      const scales = new DataView(bytes.buffer, bytes.byteOffset, 4 * blocks);
      const codes = new Int8Array(bytes.buffer, bytes.byteOffset + 4 * blocks, bytes.byteLength - 4 * blocks);
      const x = new Float32Array(floats);
      for (let b = 0; b < blocks; b++) {
        const scale = scales.getFloat32(4 * b, true);
        const end = Math.min(floats, (b + 1) * block);
        for (let i = b * block; i < end; i++) {
          // why the shifts: they sign-extend a nibble to an integer
          const code = bits === 8 ? codes[i]! : (codes[i >> 1]! << (28 - 4 * (i & 1))) >> 28;
          x[i] = code * scale;
        }
      }
      return x;
    },
  };
}

/** x 2^e in half precision, with e such that max |x| 2^e is in [2^14, 2^15): sums over tokens can exceed 65,504. */
const F16: Codec = {
  encode(x) {
    const bytes = new Uint8Array(codedBytes(x.length, 16, x.length));
    const view = new DataView(bytes.buffer);
    const largest = largestOf(x, 0, x.length);
    const exponent = largest === 0 ? 0 : 14 - Math.floor(Math.log2(largest));
    if (x.length > 0) view.setFloat32(0, exponent, true);
    for (let i = 0; i < x.length; i++) view.setUint16(4 + 2 * i, halfOf(x[i]! * 2 ** exponent), true);
    return bytes;
  },
  decode(bytes, floats, tag) {
    check(bytes, codedBytes(floats, 16, floats), tag);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const factor = floats > 0 ? 2 ** -view.getFloat32(0, true) : 1;
    return Float32Array.from({ length: floats }, (_, i) => floatOf(view.getUint16(4 + 2 * i, true)) * factor);
  },
};

/** The largest absolute value of x[from..to); NaN if a value is not finite. */
function largestOf(x: Float32Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) {
    const size = Math.abs(x[i]!);
    if (!Number.isFinite(size)) return Number.NaN;
    if (size > largest) largest = size;
  }
  return largest;
}

/** Rounds to the nearest integer, ties to even (Math.round rounds 2.5 to 3 and -2.5 to -2). */
function rint(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

/** The bits of the half nearest to x, |x| < 65,520, ties to even. 0 for NaN, as the exponent of its block is NaN. */
function halfOf(x: number): number {
  const size = Math.abs(x);
  const sign = x < 0 ? 0x8000 : 0;
  if (!(size > 0)) return sign;
  // why at least -14: smaller values are subnormals, which all have the same step size
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const steps = rint(size * 2 ** (10 - exponent));
  return sign | (steps + (exponent === -14 ? 0 : (exponent + 14) << 10));
}

function floatOf(half: number): number {
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return half & 0x8000 ? -size : size;
}

function check(bytes: Uint8Array, due: number, tag: Tag): void {
  if (bytes.byteLength !== due) {
    throw new ProtocolError(`message "${tag}" has ${bytes.byteLength} bytes of coded floats where ${due} are due`);
  }
}
