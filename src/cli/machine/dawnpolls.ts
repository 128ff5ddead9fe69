/**
 * Polls of Dawn's Node binding. While one of its promises is open, the binding polls for finished work in a loop of
 * `setImmediate`. That loop keeps one core busy, and a software adapter computes on the same cores.
 */

/** A wait polls without a pause for so long, ms: short work is noticed at once. */
const SPIN_MS = 0.5;
/** Between later polls, ms. The least that a timer of Node takes. */
const PAUSE_MS = 1;

let isInstalled = false;

/** Make `setImmediate` pause between the binding's polls. Callbacks of JavaScript run as before. */
export function pauseBetweenPolls(): void {
  if (isInstalled) return;
  isInstalled = true;
  const immediate = globalThis.setImmediate;
  let isPolling = false;
  let begun = 0;
  const paused = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    if (!isNative(callback)) return immediate(callback, ...args);
    const poll = () => {
      isPolling = true;
      try {
        callback();
      } finally {
        isPolling = false;
      }
    };
    // A call from inside a poll continues a wait. Any other call begins one.
    if (!isPolling) begun = performance.now();
    return performance.now() - begun < SPIN_MS ? immediate(poll) : setTimeout(poll, PAUSE_MS);
  };
  globalThis.setImmediate = Object.defineProperties(
    paused,
    Object.getOwnPropertyDescriptors(immediate),
  ) as typeof setImmediate;
}

/** Whether C++ made the function: the binding's callbacks are the only such ones. */
function isNative(callback: object): boolean {
  return Function.prototype.toString.call(callback).endsWith('{ [native code] }');
}
