/**
 * The orders that a lecturer's page sends to another page, checked on receipt. A page obeys only a peer that the roster
 * shows as a signal page at that moment, in a message sealed with the room's key. Generations are not orders: they are
 * declared.
 */
import * as v from 'valibot';
import { ProtocolError } from '../../errors';
import { cleanName } from '../../net/signaling/presence';
import { handicapSchema } from './telemetry';

const order = v.variant('t', [
  v.object({ t: v.literal('handicap'), handicap: handicapSchema }),
  /** Disappear without a message, as if the tab had died. */
  v.object({ t: v.literal('drop') }),
  /** Leave the run at the next step border and stay away. */
  v.object({ t: v.literal('leave') }),
  v.object({ t: v.literal('rename'), name: v.pipe(v.string(), v.maxLength(256), v.transform(cleanName)) }),
  /** Take part again; obeyed only if a person has pressed the button before. */
  v.object({ t: v.literal('join') }),
  /** Compare the gradients of a step with those of one tab alone. */
  v.object({ t: v.literal('prove') }),
]);

export type Order = v.InferOutput<typeof order>;

/** Throws ProtocolError. */
export function parseOrder(value: unknown): Order {
  const result = v.safeParse(order, value, { abortEarly: true });
  if (!result.success) throw new ProtocolError(`an order is malformed: ${result.issues[0].message}`);
  return result.output;
}
