/** The built pages on a static host, without a server of ours: a room of tabs meets over an MQTT broker and trains. */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { onTestFinished, test } from 'vitest';
import { browserFlags, requireBrowser } from '../../src/cli/machine/browser';
import { serveFolder } from '../../src/server/static';
import { temporaryFolder } from '../helpers/headless';
import { MOSQUITTO, startMosquitto } from '../helpers/mosquitto';
import { threeTabsTrain } from '../helpers/threetabs';

const ROOT = join(import.meta.dirname, '../..');
if (!MOSQUITTO) console.info('mosquitto is not installed: no room over an MQTT broker was tried.');

/** A host that serves files and nothing else, under a prefix as on a project's page. */
async function startHost(pages: string): Promise<string> {
  const serve = serveFolder(pages);
  const host = createServer((request, response) => {
    request.url = request.url!.replace(/^\/project/, '');
    serve(request, response);
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    host.close();
    host.closeAllConnections();
  });
  return `http://127.0.0.1:${(host.address() as { port: number }).port}/project/`;
}

test.skipIf(!MOSQUITTO)(
  'a room of three tabs trains on a static host over the broker that the build names',
  async () => {
    const folder = temporaryFolder(onTestFinished);
    const broker = await startMosquitto(onTestFinished);
    const pages = join(folder, 'pages');
    // why: a build would take vitest's variables for settings of the pages (src/cli/build.mjs)
    const isOurs = (name: string) => !/^(VITEST.*|NODE_ENV|MODE|BASE_URL|DEV|PROD|SSR|TEST)$/.test(name);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => isOurs(name)));
    execFileSync(
      process.execPath,
      ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error', '--outDir', pages],
      {
        cwd: ROOT,
        env: { ...env, TABTRAIN_BROKER: broker },
        stdio: 'inherit',
      },
    );
    const browser = await chromium.launch({ executablePath: requireBrowser(), args: browserFlags(true) });
    onTestFinished(() => browser.close());
    await threeTabsTrain(browser, onTestFinished, await startHost(pages));
  },
);
