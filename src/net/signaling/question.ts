/**
 * A question that a lecturer's page asks the room, as a part of its presence: one message to the server reaches everybody,
 * whoever comes later gets it with the roster, and it ends with the page. Votes are messages to that page alone. Both are
 * data from the network.
 */
import * as v from 'valibot';
import { showable } from './showable';

const line = (most: number) =>
  v.pipe(
    v.string(),
    v.maxLength(2 * most),
    v.transform((text) => showable(text, most)),
  );
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,40}$/));
const small = v.pipe(v.number(), v.integer(), v.minValue(0));
const choice = v.pipe(small, v.maxValue(7));

export const questionSchema = v.object({
  /** New for each time that a question is asked, so that no vote counts for another one. */
  id,
  text: line(300),
  options: v.pipe(v.array(line(100)), v.minLength(2), v.maxLength(8), v.readonly()),
  /** Absent before the reveal: the right option, why it is right, and the votes by option. */
  outcome: v.exactOptional(
    v.object({
      right: choice,
      why: line(600),
      votes: v.pipe(v.array(v.pipe(small, v.maxValue(4096))), v.maxLength(8), v.readonly()),
    }),
  ),
});

const voteSchema = v.object({ t: v.literal('vote'), id, choice });

export type RoomQuestion = v.InferOutput<typeof questionSchema>;
export type Vote = v.InferOutput<typeof voteSchema>;

/** Null for a value that is not a vote; it is ignored. */
export function voteOf(value: unknown): Vote | null {
  const result = v.safeParse(voteSchema, value, { abortEarly: true });
  return result.success ? result.output : null;
}
