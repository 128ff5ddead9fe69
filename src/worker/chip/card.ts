/** Measures a device for its card. */
import type { GpuDevice } from '../../gpu/device';
import type { Card, CardPart } from './cardfile';
import { attentionRates, costs, productRates } from './rates';
import { Solo } from './solo';
import { CARD_MODELS, stepRates } from './steps';

/** A processor takes seconds for larger ones. */
const SOFTWARE_FLOPS = 2e9;
const SOFTWARE_STEP_MS = 3000;
const STEP_MS = 20_000;

/** Measure `device`; a minute on a chip. Nothing else should run meanwhile. `onPart` is called before each part. */
export async function measureCard(
  device: GpuDevice,
  where: Pick<Card, 'by' | 'version'>,
  onPart: (part: CardPart) => void = () => {},
): Promise<Card> {
  const one = new Solo(device);
  const { adapter, software } = device.report;
  const most = software ? SOFTWARE_FLOPS : Number.POSITIVE_INFINITY;
  const date = new Date().toISOString().slice(0, 10);
  onPart('costs');
  const costsHere = await costs(one);
  onPart('products');
  const products = await productRates(one, most);
  onPart('attention');
  const kernels = [...products, ...(await attentionRates(one, most))];
  onPart('steps');
  const steps = await stepRates(device, CARD_MODELS, software ? SOFTWARE_STEP_MS : STEP_MS);
  return { adapter, software, date, ...where, costs: costsHere, kernels, steps };
}
