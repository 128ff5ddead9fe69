/**
 * Writes varints, floats and short texts as bytes and reads them. Reading never throws: past the end or out of range it
 * returns 0 or '' and sets `failed`.
 */
const MAX_TEXT_BYTES = 1024;

export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** An integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** A signed integer; values near 0 take few bytes. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  float(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A text, cut after 1024 bytes of UTF-8. */
  text(text: string): void {
    const bytes = new TextEncoder().encode(text).subarray(0, MAX_TEXT_BYTES);
    this.varint(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#length + more));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export class ByteReader {
  #at = 0;
  failed = false;
  readonly #view: DataView;

  constructor(readonly source: Uint8Array) {
    this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.source.length;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 0x80 ** 7; scale *= 0x80) {
      const byte = this.source[this.#at++];
      if (byte === undefined) return this.#fail();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.#fail();
    }
    return this.#fail();
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  float(): number {
    if (this.#at + 8 > this.source.length) return this.#fail();
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  text(): string {
    const length = this.varint();
    if (length > MAX_TEXT_BYTES || this.#at + length > this.source.length) {
      this.#fail();
      return '';
    }
    const text = new TextDecoder().decode(this.source.subarray(this.#at, this.#at + length));
    this.#at += length;
    return text;
  }

  #fail(): number {
    this.failed = true;
    return 0;
  }
}
