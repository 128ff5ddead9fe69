/**
 * Event files for TensorBoard: one scalar per figure and step, as records with masked CRC-32C, written and complete after every
 * step. Formats: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto and the
 * record format of tensorflow/core/lib/io/record_writer.h.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { StepMetrics } from '../../worker/api';

/** TensorBoard sorts files by the second in their name; a resumed run writes a second file beside the first. */
export class EventFile {
  readonly #file: number;

  /** `folder` is created if it does not exist. */
  constructor(folder: string, nowMs = Date.now()) {
    mkdirSync(folder, { recursive: true });
    const seconds = String(Math.floor(nowMs / 1000)).padStart(10, '0');
    this.#file = openSync(join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`), 'wx');
    this.#write([...double(1, nowMs / 1000), ...bytes(3, Buffer.from('brain.Event:2'))]);
  }

  /** Writes the figures of a committed step, stamped with `nowMs`. */
  step({ step, loss, heldOutLoss, gradNorm, lr, tokens, ms }: StepMetrics, nowMs = Date.now()): void {
    const scalars: Record<string, number | undefined> = {
      'loss/train': loss,
      'loss/held_out': heldOutLoss,
      grad_norm: gradNorm,
      lr,
      tokens_per_second: ms > 0 ? (1000 * tokens) / ms : undefined,
    };
    const values = Object.entries(scalars).flatMap(([tag, value]) =>
      value === undefined ? [] : bytes(1, Buffer.from([...bytes(1, Buffer.from(tag)), ...float(2, value)])),
    );
    this.#write([...double(1, nowMs / 1000), ...varint(2, step), ...bytes(5, Buffer.from(values))]);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** One record: length, its checksum, the event, its checksum. */
  #write(event: readonly number[]): void {
    const record = Buffer.alloc(8 + 4 + event.length + 4);
    record.writeBigUInt64LE(BigInt(event.length));
    record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
    record.set(event, 12);
    record.writeUInt32LE(masked(record.subarray(12, 12 + event.length)), 12 + event.length);
    writeSync(this.#file, record);
  }
}

/** Fields of a protocol buffer: a key of number and wire type, then the value. */
const double = (field: number, value: number) => {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return [(field << 3) | 1, ...data];
};
const float = (field: number, value: number) => {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return [(field << 3) | 5, ...data];
};
const varint = (field: number, value: number) => [field << 3, ...digits(value)];
const bytes = (field: number, data: Uint8Array) => [(field << 3) | 2, ...digits(data.length), ...data];

/** Seven bits a byte, the lowest first. */
function digits(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...out, rest];
    out.push((rest % 128) | 128);
  }
}

/** CRC-32C (Castagnoli), reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The checksum as records store it: rotated, plus a constant. A plain CRC is unsafe over data that contains CRCs. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
