/** What files of texts and of tokens may be, and what is said of those that are something else. */
import { gzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { readText } from '../../../src/train/data/readtext';
import { readTokenFile } from '../../../src/train/data/tokenfile';

const utf8 = (text: string) => new TextEncoder().encode(text);
const read = (name: string, content: string | Uint8Array, field = 'text') =>
  readText(name, field, typeof content === 'string' ? utf8(content) : content);

describe('texts', () => {
  test('plain and gzipped', () => {
    expect(read('a.txt', 'Zo\u00eb\n')).toBe('Zo\u00eb\n');
    expect(read('a.txt.gz', gzipSync(utf8('the sea')))).toBe('the sea');
    expect(read('a.jsonl.gz', gzipSync(utf8('{"text": "the sea"}\n')))).toBe('the sea');
  });

  test('jsonl and csv by field', () => {
    expect(read('a.jsonl', '{"text": "one"}\n\n{"text": "two\\nlines", "id": 3}\n')).toBe('one\ntwo\nlines');
    expect(read('a.jsonl', '{"body": "one"}', 'body')).toBe('one');
    const csv = 'id,text\r\n1,"a ""quoted"", word"\r\n2,plain\r\n3,"two\nlines"\r\n';
    expect(read('a.csv', csv)).toBe('a "quoted", word\nplain\ntwo\nlines');
    expect(read('a.csv', 'text\nlast')).toBe('last');
  });

  test.each([
    ['a.txt', Uint8Array.of(0xff, 0xfe, 0x61, 0), 'a.txt is UTF-16; save it as UTF-8'],
    ['a.txt', Uint8Array.of(0x61, 0, 0x62, 0), 'a.txt is UTF-16 without a mark'],
    ['a.txt', Uint8Array.of(0x43, 0x61, 0x66, 0xe9), 'a.txt is not UTF-8 text but looks like Windows-1252'],
    ['a.txt', Uint8Array.of(0x43, 0x01, 0x66, 0xe9), 'a.txt is not UTF-8 text; save it'],
    ['a', utf8('PAR1 and more'), 'a is Parquet; export its text column'],
    ['a', Uint8Array.of(0x50, 0x4b, 3, 4, 0), 'a is a zip'],
    ['a.gz', Uint8Array.of(0x1f, 0x8b, 8, 0), 'a.gz is a broken gzip'],
    ['a.json', utf8('{"model_type": "gpt2", "n_layer": 2}'), 'a.json is a file of a model (model_type, n_layer)'],
    [
      'a.jsonl',
      utf8('{"text": "x"}\n{"txt": "y"}'),
      'line 2 of a.jsonl has no text in data.field text; its fields are txt',
    ],
    ['a.jsonl', utf8('{"text": 3}'), 'line 1 of a.jsonl has no text'],
    ['a.jsonl', utf8('{'), 'line 1 of a.jsonl is not JSON'],
    ['a.csv', utf8('id,body\n1,x'), 'a.csv has no column data.field text; its columns are id, body'],
    ['a.csv', utf8('id,text\n1'), 'row 2 of a.csv has 1 fields and the first row 2'],
    ['a.csv', utf8('id,text\n1,say "hi"\n'), 'row 2 of a.csv has a quote or a line end that CSV does not allow'],
    ['a.csv', utf8('id,text\n1,"never closed\n2,x\n'), 'row 2 of a.csv has a quote or a line end'],
    ['a.csv', utf8('id,text\n1,x\r2,y'), 'row 2 of a.csv has a quote or a line end'],
  ])('%s: %j', (name, bytes, sentence) => {
    expect(() => read(name, bytes)).toThrow(InputError);
    expect(() => read(name, bytes)).toThrow(sentence);
  });
});

function npy(type: string, data: Uint16Array | Int32Array | Float32Array): Uint8Array {
  const header = [`{'descr': '${type}', 'fortran_order': False, 'shape': (${data.length},), }`.padEnd(117), '\n'].join(
    '',
  );
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([0x93, ...utf8('NUMPY'), 1, 0, header.length, 0]);
  bytes.set(utf8(header), 10);
  bytes.set(new Uint8Array(data.buffer), 10 + header.length);
  return bytes;
}

function llmC(kind: number, said: number, data: Uint16Array | Uint32Array): Uint8Array {
  const bytes = new Uint8Array(1024 + data.byteLength);
  bytes.set(new Uint8Array(Int32Array.of(kind, 1, said).buffer));
  bytes.set(new Uint8Array(data.buffer), 1024);
  return bytes;
}

describe('tokens', () => {
  const short = Uint16Array.of(7, 1, 300);
  const long = Uint32Array.of(7, 1, 70000);
  const bytesOf = (data: { readonly buffer: ArrayBufferLike }) => new Uint8Array(data.buffer);

  test('bare, numpy, llm.c', () => {
    expect(readTokenFile('x', 400, bytesOf(short))).toEqual(short);
    expect(readTokenFile('x', 80000, bytesOf(long))).toEqual(long);
    expect(readTokenFile('x', 400, npy('<u2', short))).toEqual(short);
    expect(readTokenFile('x', 400, npy('<i4', Int32Array.from(short)))).toEqual(short);
    expect(readTokenFile('x', 400, llmC(20240520, 3, short))).toEqual(short);
    expect(readTokenFile('x', 80000, llmC(20240801, 3, long))).toEqual(long);
  });

  test('what is something else', () => {
    const wide = bytesOf(Int32Array.from({ length: 40 }, (_, i) => i));
    expect(() => readTokenFile('x', 400, wide)).toThrow(/every second number of x is 0, so it looks like int32/);
    expect(() => readTokenFile('x', 400, Uint8Array.of(1, 0, 2))).toThrow('3 bytes, an odd number');
    expect(() => readTokenFile('x', 80000, Uint8Array.of(1, 0))).toThrow(
      'no multiple of 4 (model.vocab 80000 > 65536)',
    );
    expect(() => readTokenFile('x', 400, npy('<f4', Float32Array.of(1)))).toThrow(/a \.npy of type <f4/);
    expect(() => readTokenFile('x', 400, llmC(20240520, 4, short))).toThrow('says 4 tokens in its header and has 3');
  });
});
