/** The one device for single kernels of the bench's page. */
import { openDevice } from '../../../src/gpu/device';
import { Solo } from '../../../src/worker/chip/solo';

let opened: Promise<Solo> | undefined;

export function solo(): Promise<Solo> {
  opened ??= openDevice().then((device) => new Solo(device));
  return opened;
}
