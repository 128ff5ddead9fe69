/** The certificate of `npm start -- --https`: this machine's own, so every device asks once whether to trust it. */
import { join } from 'node:path';
import { InputError } from '../../errors';

/** Key and certificate as PEM, kept for some weeks so that devices ask only once. Names are those the pages are opened by. */
export async function selfSigned(names: readonly string[]): Promise<{ readonly key: string; readonly cert: string }> {
  const { getCertificate } = await import('@vitejs/plugin-basic-ssl').catch(() => {
    throw new InputError('--https needs the development dependencies: run npm ci without --omit=dev.');
  });
  const folder = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'tabtrain');
  const pem = await getCertificate(folder, 'Tabtrain', [...names]);
  return { key: pem, cert: pem };
}
