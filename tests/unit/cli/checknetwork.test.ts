/** `npm start -- --check` against real servers: what is reached, and what to do about what is not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { checkNetwork } from '../../../src/cli/checknetwork';
import { startServer } from '../../../src/server/server';

const pages = mkdtempSync(join(tmpdir(), 'tabtrain-pages-'));
writeFileSync(join(pages, 'index.html'), '<!doctype html><title>t</title>');
afterAll(() => rmSync(pages, { recursive: true }));

async function check(offers: { readonly stun: boolean; readonly relay: boolean }, turn: readonly string[] = []) {
  const server = await startServer({ pages, host: '127.0.0.1', port: 0, programsMayOpen: false, ...offers });
  onTestFinished(() => server.close());
  const own = `http://127.0.0.1:${server.port}/`;
  const { stunPort } = server;
  const asked = { addresses: [own], own, origin: own.slice(0, -1), stunPort, relays: offers.relay, turn };
  return { server, findings: await checkNetwork(asked) };
}

test('a server that offers everything is well, and the relay carries 16 MB', async () => {
  const { findings } = await check({ stun: true, relay: true });
  expect(findings.filter(({ isWell }) => !isWell)).toEqual([]);
  expect(findings.map(({ what }) => what).join('\n')).toMatch(
    /Server reached[\s\S]*UDP reached[\s\S]*Relay: \d+ MB\/s/,
  );
});

test('what is not offered or does not answer is said with what to do', async () => {
  const { server, findings } = await check({ stun: false, relay: false }, ['turn:127.0.0.1:9?transport=tcp']);
  const unwell = findings.filter(({ isWell }) => !isWell).map(({ what, advice }) => `${what}: ${advice}`);
  expect(unwell.join('\n')).toMatch(
    /STUN[\s\S]*--no-stun[\s\S]*No relay[\s\S]*--relay[\s\S]*TURN server not reached.*port 9/,
  );
  const own = `http://127.0.0.1:${server.port}/`;
  const asked = { addresses: ['http://127.0.0.1:1/'], own, origin: own, stunPort: 1, relays: false, turn: [] };
  const [page, stun] = await checkNetwork(asked);
  expect(page).toMatchObject({ isWell: false, advice: expect.stringContaining('TCP port') });
  expect(stun).toMatchObject({ isWell: false, advice: expect.stringContaining('UDP port 1') });
});
