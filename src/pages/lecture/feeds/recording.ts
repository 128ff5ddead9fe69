/**
 * A run as one file: the data of a feed, chapter by chapter (a chapter holds the steps of one plan), and a card that
 * describes the run. The file is gzipped JSON. Reading treats it as untrusted.
 */
import * as v from 'valibot';
import { InputError, sentenceOf } from '../../../errors';
import { parsePlan } from '../../../plan/plan';
import { packEvents, unpackEvents } from '../../../trace/pack';
import type { TraceEvent } from '../../../trace/trace';
import { handicapSchema, linkSchema, memorySchema, metricsSchema, proofSchema } from '../../../worker/watch/telemetry';
import type { RunFile } from '../../tab';

export const RECORDING_VERSION = 1;
const MAX_FILE_BYTES = 64_000_000;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const text = v.pipe(v.string(), v.maxLength(256));
const plan = v.pipe(v.unknown(), v.transform(parsePlan));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{0,64}$/));

const rank = v.object({
  rank: count,
  peer: text,
  name: text,
  adapter: text,
  hidden: v.boolean(),
  machine: v.exactOptional(text),
  memory: v.nullable(memorySchema),
  tokensPerSecond: v.pipe(v.number(), v.minValue(0)),
  links: v.array(linkSchema),
  weights: v.nullable(v.object({ generation: v.optional(count, 0), step: count, hash })),
  handicap: handicapSchema,
});

const chapter = v.object({
  plan,
  generation: count,
  ranks: v.pipe(v.array(rank), v.minLength(1), v.maxLength(256)),
  /** The kept steps; each has one pack of events per rank, in base64. */
  steps: v.array(v.object({ step: count, packs: v.array(v.string()) })),
  proof: v.nullable(proofSchema),
});

const recording = v.object({
  v: v.literal(RECORDING_VERSION),
  card: v.object({
    /** The run file as declared; its plan is the first plan of the run. */
    run: v.custom<RunFile>((value) => typeof value === 'object' && value !== null),
    seed: count,
    /** SHA-256 of the text, '' for a text of the person's own. */
    dataHash: hash,
    adapters: v.array(text),
    build: text,
  }),
  metrics: v.array(metricsSchema),
  chapters: v.pipe(v.array(chapter), v.minLength(1)),
});

export type Recording = v.InferOutput<typeof recording>;
export type Chapter = Recording['chapters'][number];

export async function packRecording(content: Recording): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  return piped(bytes, new CompressionStream('gzip'));
}

/** Throws InputError for a file that is not a recorded run. */
export async function readRecording(file: Uint8Array<ArrayBuffer>): Promise<Recording> {
  try {
    if (file.byteLength > MAX_FILE_BYTES) throw new InputError('it is too large');
    const bytes = await piped(file, new DecompressionStream('gzip'));
    return v.parse(recording, JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    // why every error: the browser's decompression and JSON parser throw errors of their own types
    const reason = sentenceOf(error);
    throw new InputError(`this file is no recorded run: ${reason}`);
  }
}

/** Packs the events of a step, one base64 pack per rank. */
export function packsOf(events: readonly TraceEvent[], generation: number): string[] {
  const ranks = [...new Set(events.map(({ rank }) => rank))].sort((a, b) => a - b);
  return ranks.map((one) =>
    toBase64(
      packEvents(
        events.filter((event) => event.rank === one),
        generation,
        0,
      ),
    ),
  );
}

/** The inverse of packsOf; events sorted by t0. Throws InputError for a malformed pack. */
export function eventsOf(packs: readonly string[]): readonly TraceEvent[] {
  const all = packs.flatMap((text) => {
    const pack = unpackEvents(fromBase64(text));
    if (!pack) throw new InputError('the recorded run has a damaged trace');
    return pack.events;
  });
  return all.sort((a, b) => a.t0 - b.t0);
}

async function piped(
  bytes: Uint8Array<ArrayBuffer>,
  through: ReadableWritablePair<Uint8Array<ArrayBuffer>, BufferSource>,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(through);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw new InputError('the recorded run has a damaged trace');
  }
}
