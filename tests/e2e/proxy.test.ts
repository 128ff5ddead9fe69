/** Behind nginx with TLS, under a path prefix: the lines of docs/serving.md, and a room of tabs that trains through them. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { onTestFinished, test } from 'vitest';
import { browserFlags, requireBrowser } from '../../src/cli/machine/browser';
import { selfSigned } from '../../src/cli/machine/certificate';
import { startServer } from '../../src/server/server';
import { temporaryFolder } from '../helpers/headless';
import { freePort, listening } from '../helpers/ports';
import { threeTabsTrain } from '../helpers/threetabs';
import { PAGES } from '../helpers/visitor';

const NGINX = ['nginx', '/usr/sbin/nginx'].find((name) => spawnSync(name, ['-v']).status === 0);
if (!NGINX) console.info('nginx is not installed: no room behind a proxy was tried.');

/** The `location` that docs/serving.md shows, for this server and prefix. */
function documentedLines(port: number, prefix: string): string {
  const docs = readFileSync(join(import.meta.dirname, '../../docs/serving.md'), 'utf8');
  const [, lines] = /```nginx\n([^`]+)```/.exec(docs)!;
  return lines!.replace('location /tab/', `location /${prefix}/`).replace('127.0.0.1:8080', `127.0.0.1:${port}`);
}

/** nginx in the foreground with all of its files in `folder`, where its workers may not write when root starts it. */
const configuration = (folder: string, port: number, location: string) => `
daemon off;
pid ${folder}/pid;
error_log stderr;
events {}
http {
  include /etc/nginx/mime.types;
  access_log off;
  proxy_max_temp_file_size 0;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/pem;
    ssl_certificate_key ${folder}/pem;
    ${location}
  }
}`;

test.skipIf(!NGINX)('a room of three tabs trains through nginx with TLS and a prefix', async () => {
  const folder = temporaryFolder(onTestFinished);
  const port = await freePort();
  const origin = `https://127.0.0.1:${port}`;
  const server = await startServer({
    pages: PAGES,
    host: '127.0.0.1',
    port: 0,
    programsMayOpen: false,
    origins: [origin],
  });
  onTestFinished(() => server.close());
  writeFileSync(join(folder, 'pem'), (await selfSigned(['127.0.0.1'])).key);
  writeFileSync(join(folder, 'conf'), configuration(folder, port, documentedLines(server.port, 'tabtrain')));
  const nginx = spawn(NGINX!, ['-c', join(folder, 'conf'), '-p', folder], { stdio: 'inherit' });
  const ended = new Promise((resolve) => nginx.once('exit', resolve));
  onTestFinished(async () => {
    nginx.kill();
    await ended;
  });
  await Promise.race([listening(port), ended]);
  const browser = await chromium.launch({
    executablePath: requireBrowser(),
    args: [...browserFlags(true), '--ignore-certificate-errors'],
  });
  onTestFinished(() => browser.close());
  await threeTabsTrain(browser, onTestFinished, `${origin}/tabtrain/`);
});
