/** The certificate of `npm start -- --https`: this machine's own, so every device asks once whether to trust it. */
import { cacheFolder } from './cachefolder';

/** Key and certificate as PEM, kept for some weeks so that devices ask only once. Names are those the pages are opened by. */
export async function selfSigned(names: readonly string[]): Promise<{ readonly key: string; readonly cert: string }> {
  const { getCertificate } = await import('@vitejs/plugin-basic-ssl');
  const pem = await getCertificate(cacheFolder(), 'Tabtrain', [...names]);
  return { key: pem, cert: pem };
}
