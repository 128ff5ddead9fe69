/** The Worker of the page "Your chip": measures this device. */
import * as Comlink from 'comlink';
import { openDevice } from '../../gpu/device';
import { measureCard } from './card';
import type { Card, CardPart } from './cardfile';

export interface ChipWorker {
  /** Called once. Rejects with CapabilityError if the device cannot compute. */
  measure(version: string, onPart: (part: CardPart) => void): Promise<Card>;
}

const worker: ChipWorker = {
  async measure(version, onPart) {
    return measureCard(await openDevice(), { by: 'page', version }, onPart);
  },
};
Comlink.expose(worker);
