import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { readSafetensors, toFloats, writeSafetensors } from '../../../src/train/files/safetensors';

/** A file with that header text (or object) and that many bytes of data. */
function fileOf(header: unknown, dataBytes: number, claimed?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}
const f32 = (from: number, to: number, shape: unknown = [(to - from) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [from, to],
});

describe('safetensors', () => {
  test('what is written is read', () => {
    const a = { name: 'a.weight', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
    const b = { name: '__proto__', shape: [], data: Float32Array.of(-0.5) };
    const file = writeSafetensors([a, b]);
    expect(file.length % 4).toBe(0);
    const tensors = readSafetensors(file);
    expect([...tensors.keys()]).toEqual(['a.weight', '__proto__']);
    expect(tensors.get('a.weight')!.shape).toEqual([2, 3]);
    expect(toFloats('a', tensors.get('a.weight')!)).toEqual(a.data);
    expect(toFloats('b', tensors.get('__proto__')!)).toEqual(b.data);
  });

  test('half types are widened exactly', () => {
    const read = (dtype: string, ...halves: number[]) =>
      toFloats('x', { dtype, shape: [halves.length], bytes: new Uint8Array(Uint16Array.from(halves).buffer) });
    expect([...read('BF16', 0x3f80, 0xc040, 0x0000)]).toEqual([1, -3, 0]);
    expect([...read('F16', 0x3c00, 0xc200, 0x0001, 0x7bff, 0xfc00)]).toEqual([
      1,
      -3,
      2 ** -24,
      65504,
      Number.NEGATIVE_INFINITY,
    ]);
    expect(() => read('I16', 1)).toThrow('has type I16');
  });

  test.each([
    ['too short', new Uint8Array(7), '7 bytes'],
    ['header beyond the file', fileOf({}, 0, 50n), 'header ends at byte 58'],
    ['header above 1 MB', fileOf({}, 0, 1n << 40n), 'claims 1099511627776 bytes'],
    ['not JSON', fileOf('{"a":', 0), 'not JSON'],
    ['not UTF-8', fileOf('{}', 0).fill(0xff, 8), 'not JSON'],
    ['not an object', fileOf('[]', 0), 'not an object'],
    ['metadata of numbers', fileOf({ __metadata__: { a: 1 } }, 0), '__metadata__'],
    ['entry without shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 0] } }, 0), 'tensor a must have'],
    ['entry with another field', fileOf({ a: { ...f32(0, 4), x: 1 } }, 4), 'tensor a must have'],
    ['entry is a list', fileOf({ a: [] }, 0), 'tensor a must have'],
    ['foreign dtype', fileOf({ a: { ...f32(0, 4), dtype: 'toString' } }, 4), 'dtype'],
    ['negative dim', fileOf({ a: f32(0, 4, [-1]) }, 4), 'proper shape'],
    ['fractional dim', fileOf({ a: f32(0, 4, [1.5]) }, 4), 'proper shape'],
    ['shape is no list', fileOf({ a: f32(0, 4, 'x') }, 4), 'proper shape'],
    ['product overflows', fileOf({ a: f32(0, 4, [2 ** 52, 2 ** 52, 0]) }, 4), 'does not take'],
    ['offsets reversed', fileOf({ a: { ...f32(0, 0, [1]), data_offsets: [4, 0] } }, 4), 'does not take'],
    ['three offsets', fileOf({ a: { ...f32(0, 4), data_offsets: [0, 4, 4] } }, 4), 'data_offsets'],
    ['offsets too small for shape', fileOf({ a: f32(0, 4, [2]) }, 4), 'does not take 4 bytes'],
    ['gap', fileOf({ a: f32(4, 8) }, 8), 'tensor a begins at 4'],
    ['overlap', fileOf({ a: f32(0, 8), b: f32(4, 8) }, 8), 'tensor b begins at 4'],
    ['same range twice', fileOf({ a: f32(0, 4), b: f32(0, 4) }, 4), 'begins at 0, but the one before ends at 4'],
    ['data left over', fileOf({ a: f32(0, 4) }, 8), 'tensors end at 4 and its data at 8'],
    ['data missing', fileOf({ a: f32(0, 8) }, 4), 'tensors end at 8 and its data at 4'],
  ])('%s is refused', (_, file, sentence) => {
    expect(() => readSafetensors(file)).toThrow(InputError);
    expect(() => readSafetensors(file)).toThrow(sentence);
  });

  test('no mutation of a file does anything but read or refuse', () => {
    const good = writeSafetensors([
      { name: 'wte.weight', shape: [4, 2], data: new Float32Array(8) },
      { name: 'b', shape: [3], data: new Float32Array(3) },
      { name: 'c', shape: [], data: new Float32Array(1) },
    ]);
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    const property = fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(40), (changes, cutBytes) => {
      const file = good.slice(0, good.length - (cutBytes > 30 ? cutBytes : 0));
      for (const [at, byte] of changes) if (at < file.length) file[at] = byte;
      try {
        const total = [...readSafetensors(file).values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
        expect(total).toBeLessThanOrEqual(file.length);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    });
    fc.assert(property, { seed: 11, numRuns: 20_000 });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
