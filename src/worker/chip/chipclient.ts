/** Page side of the Worker that measures a device: one for each measurement, so that nothing of it stays on the device. */
import * as Comlink from 'comlink';
import { CARD_PARTS, type Card, type CardPart, cardText } from './cardfile';
import type { ChipWorker } from './chip.worker';

export { CARD_PARTS, type Card, type CardPart, cardText };

/** Rejects with a sentence where the device cannot compute or the measurement is stopped. */
export async function measureChip(
  version: string,
  onPart: (part: CardPart) => void,
  signal: AbortSignal,
): Promise<Card> {
  const worker = new Worker(new URL('./chip.worker.ts', import.meta.url), { type: 'module', name: 'chip' });
  const remote = Comlink.wrap<ChipWorker>(worker);
  const ended = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the Worker that measures did not start: ${event.message}`));
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([remote.measure(version, Comlink.proxy(onPart)), ended]);
  } finally {
    worker.terminate();
  }
}
