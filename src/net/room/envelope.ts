/** The messages between pages of a room through signaling. */
import * as v from 'valibot';

const signal = { attempt: v.pipe(v.number(), v.integer(), v.minValue(1)), data: v.looseObject({}) };
/** Connect to train (`link`) or to watch, membership (`say`), and a lecturer's `order`. */
const envelope = v.variant('k', [
  v.object({ k: v.literal('link'), ...signal }),
  v.object({ k: v.literal('watch'), ...signal }),
  v.object({ k: v.literal('say'), message: v.unknown() }),
  v.object({ k: v.literal('order'), order: v.unknown() }),
]);

/** Undefined for a malformed message. */
export function readEnvelope(message: unknown): v.InferOutput<typeof envelope> | undefined {
  const parsed = v.safeParse(envelope, message);
  return parsed.success ? parsed.output : undefined;
}
