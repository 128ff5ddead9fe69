/**
 * The messages between a watched page and a watching page over their own channel, checked on receipt: texts are JSON of
 * these messages, bytes are packs of trace events (trace/pack.ts). docs/telemetry.md describes it.
 */
import * as v from 'valibot';
import { PlanError, ProtocolError } from '../../errors';
import { cleanName } from '../../net/signaling/presence';
import { LINK_KINDS } from '../../net/wire/transport';
import { parsePlan } from '../../plan/plan';
import type { StepMetrics, TabStatus } from '../../train/trainer/given/status';
import type { Handicap } from '../api';

export { TOLERANCE } from '../../train/trainer/asked/tolerance';

/** Both ends must use the same version; another version gets no answer. */
export const TELEMETRY_VERSION = 1;
/** Maximum number of steps in one message; a longer history comes in several. */
const METRICS_PER_MESSAGE = 200;

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const index = v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(Number.MAX_SAFE_INTEGER));
const amount = v.pipe(v.number(), v.finite(), v.minValue(0));
const peer = v.pipe(v.string(), v.maxLength(64));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{0,64}$/));
const plan = v.nullable(v.pipe(v.unknown(), v.transform(parsePlan)));
const sentence = v.pipe(
  v.string(),
  v.maxLength(1000),
  v.transform((text) => text.replace(/\p{Cc}/gu, ' ')),
);

export const handicapSchema = v.object({
  unitMs: v.pipe(amount, v.maxValue(10_000)),
  latencyMs: v.pipe(amount, v.maxValue(10_000)),
  mbitPerSecond: v.pipe(amount, v.maxValue(100_000)),
  links: v.exactOptional(v.picklist(['all', 'far'])),
});

export const memorySchema = v.object({
  param: amount,
  grad: amount,
  moment: amount,
  saved: amount,
  scratch: amount,
  staging: amount,
});

export const linkSchema = v.object({
  peer,
  bytesSent: amount,
  bytesReceived: amount,
  dropped: amount,
  rttMs: amount,
  // why optional: recordings of before have none
  baseMs: v.optional(amount, 0),
  bytesPerMs: v.optional(amount, 0),
  windowBytes: amount,
  kind: v.picklist(LINK_KINDS),
});

export const metricsSchema = v.object({
  step: count,
  loss: v.number(),
  gradNorm: v.number(),
  lr: amount,
  tokens: count,
  ms: amount,
  bytesSent: v.pipe(v.array(amount), v.maxLength(256)),
  heldOutLoss: v.exactOptional(v.number()),
});
const someMetrics = v.pipe(v.array(metricsSchema), v.maxLength(METRICS_PER_MESSAGE));

export const proofSchema = v.object({
  step: count,
  tensors: v.pipe(
    v.array(v.object({ name: v.pipe(v.string(), v.maxLength(200)), maxAbs: amount, relativeL2: amount })),
    v.maxLength(4096),
    v.readonly(),
  ),
  parted: v.pipe(v.string(), v.maxLength(200)),
});

const status = v.object({
  t: v.literal('status'),
  phase: v.picklist(['idle', 'opening', 'waiting', 'syncing', 'training', 'paused', 'done', 'stopped', 'failed']),
  sentence,
  adapter: v.pipe(v.string(), v.maxLength(256), v.transform(cleanName)),
  generation: count,
  rank: index,
  members: v.pipe(v.array(peer), v.maxLength(256)),
  plan,
  step: count,
  steps: count,
  /** All trace events of lower steps of this generation have been sent, or left out for `lost`. */
  traced: count,
  vocab: count,
  tokensPerSecond: amount,
  memory: v.nullable(memorySchema),
  links: v.pipe(v.array(linkSchema), v.maxLength(256)),
  weights: v.nullable(v.object({ generation: count, step: count, hash })),
  handicap: handicapSchema,
  /** Highest step with events that were left out, -1 if there is none. */
  lost: index,
  metrics: someMetrics,
});

const fromWatched = v.variant('t', [
  status,
  /** Steps from before the watcher came. */
  v.object({ t: v.literal('history'), metrics: someMetrics }),
  /** Answer to ping: `at` is the answering page's clock, milliseconds since the epoch. */
  v.object({ t: v.literal('pong'), id: count, at: amount }),
  v.object({ t: v.literal('proof'), proof: proofSchema }),
]);

const fromWatcher = v.variant('t', [
  /** Start to watch: send the trace of each `every`-th step, 0 for none. May be sent again. */
  v.object({ t: v.literal('watch'), v: v.literal(TELEMETRY_VERSION), every: v.pipe(count, v.maxValue(1 << 20)) }),
  v.object({ t: v.literal('ping'), id: count }),
]);

export type FromWatched = v.InferOutput<typeof fromWatched>;
export type FromWatcher = v.InferOutput<typeof fromWatcher>;
export type WatchedStatus = v.InferOutput<typeof status>;
export const NO_HANDICAP: Handicap = { unitMs: 0, latencyMs: 0, mbitPerSecond: 0 };

/** Throws ProtocolError. */
export const readFromWatched = (text: string): FromWatched => read(fromWatched, text);
/** Throws ProtocolError. */
export const readFromWatcher = (text: string): FromWatcher => read(fromWatcher, text);

function read<const Schema extends v.GenericSchema>(schema: Schema, text: string): v.InferOutput<Schema> {
  try {
    return v.parse(schema, JSON.parse(text), { abortEarly: true });
  } catch (error) {
    const isMalformed = error instanceof v.ValiError || error instanceof PlanError || error instanceof SyntaxError;
    if (!isMalformed) throw error;
    throw new ProtocolError(`a message of a watched or watching page is malformed: ${error.message}`);
  }
}

/** The `status` message for watchers. */
export function statusMessage(status: TabStatus, adapter: string, handicap: Handicap, lost: number): WatchedStatus {
  const { phase, sentence, generation, rank, members, plan, step, steps, traced, vocab, memory, links, weights } =
    status;
  return {
    t: 'status',
    phase,
    sentence: sentence.slice(0, 1000),
    adapter,
    generation,
    rank,
    members: [...members],
    plan,
    step,
    steps,
    traced,
    vocab,
    tokensPerSecond: status.tokensPerSecond.mine,
    memory,
    links: [...links],
    weights,
    handicap,
    lost,
    metrics: status.newMetrics.slice(-METRICS_PER_MESSAGE).map(copyOf),
  };
}

const copyOf = (metrics: StepMetrics) => ({ ...metrics, bytesSent: [...metrics.bytesSent] });

/** The steps, in as many messages as they need. */
export function historyMessages(all: readonly StepMetrics[]): readonly FromWatched[] {
  const messages: FromWatched[] = [];
  for (let at = 0; at < all.length; at += METRICS_PER_MESSAGE) {
    messages.push({ t: 'history', metrics: all.slice(at, at + METRICS_PER_MESSAGE).map(copyOf) });
  }
  return messages;
}
