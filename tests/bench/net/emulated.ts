/**
 * What the transport keeps of an emulated link: two peers in this process (@roamhq/wrtc), one direction loaded for a
 * while. Prints rate, share and the longest pause between deliveries.
 */
import { emulateLink, type LinkShape } from '../../helpers/linkemu';
import { wrtcPair } from '../../helpers/wrtc';

export interface EmulatedResult {
  readonly shape: Partial<LinkShape>;
  readonly seconds: number;
  /** Payload received per second, in 10^6 bytes. */
  readonly megabytesPerSecond: number;
  /** Of the emulated rate. */
  readonly share: number;
  /** Longest time without a complete 64 KB message, ms, after the first. */
  readonly longestPauseMs: number;
  readonly droppedPackets: number;
  readonly emulatorLateMs: number;
}

/** Send 64 KB messages from a to b for `seconds`; `bothWays` loads the way back as well. */
export async function loadEmulatedLink(
  shape: Partial<LinkShape>,
  seconds: number,
  bothWays = false,
): Promise<EmulatedResult> {
  const link = await emulateLink(shape);
  const pair = await wrtcPair((signal, from) => link.rewrite(signal, from));
  const [a, b] = pair.transports;
  const stop = new AbortController();
  const payload = new Uint8Array(65_280);
  let bytes = 0;
  let longestPauseMs = 0;
  let last = 0;
  const feed = async (from: typeof a, to: string) => {
    for (let i = 0; !stop.signal.aborted; i++) await from.send(to, `1/${i}/m`, payload);
  };
  const drain = async (at: typeof a, from: string, count: (size: number) => void) => {
    for (let i = 0; ; i++) count((await at.recv(from, `1/${i}/m`, stop.signal)).length);
  };
  const work = [
    feed(a, 'b'),
    drain(b, 'a', (size) => {
      const now = performance.now();
      if (last > 0) longestPauseMs = Math.max(longestPauseMs, now - last);
      last = now;
      bytes += size;
    }),
  ];
  if (bothWays)
    work.push(
      feed(b, 'a'),
      drain(a, 'b', () => {}),
    );
  const trace: string[] = [];
  let before = 0;
  const ticker = setInterval(() => {
    const l = a.stats()[0]!;
    trace.push(`${((bytes - before) / 1e6).toFixed(2)}(${l.windowBytes >> 10}K ${l.rttMs.toFixed(0)}ms)`);
    before = bytes;
  }, 1000);
  const settled = Promise.allSettled(work);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  clearInterval(ticker);
  if (process.env.TRACE_BENCH) console.log(trace.join(' '));
  const [there] = link.stats();
  stop.abort(new Error('the time is over'));
  pair.close();
  await settled;
  link.close();
  const megabytesPerSecond = bytes / 1e6 / seconds;
  return {
    shape,
    seconds,
    megabytesPerSecond,
    share: shape.rateMbps ? megabytesPerSecond / (shape.rateMbps / 8) : Number.NaN,
    longestPauseMs,
    droppedPackets: there.droppedByQueue + there.droppedByLoss,
    emulatorLateMs: there.maxLateMs,
  };
}
