/** The trace knows when the events of work that outlasts its step are all there. */
import { expect, test } from 'vitest';
import { Trace } from '../../../src/trace/trace';

test('a trace is settled once the late work known so far has ended, also by a failure', async () => {
  const trace = new Trace();
  const ends: (() => void)[] = [];
  trace.late(new Promise<void>((resolve) => ends.push(resolve)));
  trace.late(Promise.reject(new Error('a peer is lost')));
  let isSettled = false;
  const settled = trace.settled().then(() => {
    isSettled = true;
  });
  trace.late(new Promise<void>(() => {}));
  await new Promise((resolve) => setTimeout(resolve));
  expect(isSettled).toBe(false);
  ends[0]!();
  await settled;
});
