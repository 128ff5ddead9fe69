/**
 * `npm start`: pages and signaling on one port. Prints the address and a QR code, and opens a browser if there is one.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { renderUnicodeCompact } from 'uqr';
import { InputError } from '../errors';
import { startServer } from '../server/server';
import type { TurnServer } from '../server/turn';
import { asTyped, endProcess, type Help, runCommand } from './command';
import { isLocal, lanAddresses } from './machine/addresses';
import { selfSigned } from './machine/certificate';
import { readFile } from './machine/readfile';

const USAGE =
  'npm start -- [--port 8080] [--host 0.0.0.0] [--https] [--origin https://name[:port] ...] [--no-stun] [--relay | --no-relay] [--turn turn:host:3478 --turn-secret-file F] [--check]';
const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  https: { type: 'boolean' },
  origin: { type: 'string', multiple: true },
  'no-stun': { type: 'boolean' },
  relay: { type: 'boolean' },
  'no-relay': { type: 'boolean' },
  turn: { type: 'string', multiple: true },
  'turn-secret-file': { type: 'string' },
  check: { type: 'boolean' },
} as const;
const pages = join(import.meta.dirname, '..', 'pages');

const HELP: Help = {
  about: 'Serves the pages and the signaling on one port, and prints the address with a QR code.',
  usage: USAGE,
  examples: [
    ['npm start', 'for this machine, at port 8080'],
    ['npm start -- --https', 'for all devices of this network'],
    ['npm start -- --port 9000 --host 192.168.1.5', 'at another port and on one address only'],
    ['npm start -- --relay', 'relays between devices that cannot reach each other, also on a public server'],
    ['npm start -- --turn turn:turn.example:3478 --turn-secret-file F', 'with a TURN server (coturn: use-auth-secret)'],
    ['npm start -- --https --check', 'says what devices will reach, and what to do where they do not'],
    ['npm start -- --origin https://example.org', 'behind a proxy that has this address (docs/serving.md)'],
  ],
};

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS });
    const port = Number(values.port ?? 8080);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new InputError(`--port is ${values.port}; it must be a whole number from 0 to 65535.`);
    }
    const origins = (values.origin ?? []).map(readOrigin);
    // Other devices on the network reach the page only if that was asked for. --https implies it: it has no other use.
    return {
      port,
      host: values.host ?? (values.https ? '0.0.0.0' : '127.0.0.1'),
      https: values.https ?? false,
      origins,
      stun: !values['no-stun'],
      check: values.check ?? false,
      relay: values['no-relay'] ? false : values.relay,
      ...readTurn(values.turn ?? [], values['turn-secret-file']),
    };
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${(error as Error).message.split('.')[0]}. Usage: ${USAGE}`);
  }
}

/** The origin as browsers send it in the Origin header: without a path and without the scheme's default port. */
function readOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '') {
    throw new InputError(
      `--origin is ${text}; it must be an address without a path, such as https://tab.example:8443.`,
    );
  }
  return url.origin;
}

/** `turn`: absent without `--turn`. */
function readTurn(urls: readonly string[], secretPath: string | undefined): { readonly turn?: TurnServer } {
  if (urls.length === 0 && secretPath === undefined) return {};
  if (urls.length === 0 || secretPath === undefined) {
    throw new InputError('--turn names the TURN server and --turn-secret-file the secret that it knows: give both.');
  }
  const wrong = urls.find((url) => !/^turns?:[^\s/?:]+(:\d{1,5})?(\?transport=(udp|tcp))?$/.test(url));
  if (wrong !== undefined) {
    throw new InputError(`--turn is ${wrong}; it must be like turn:host:3478 or turns:host:443?transport=tcp.`);
  }
  const secret = readFile(secretPath, 'The secret of the TURN server').toString().trim();
  if (secret === '') throw new InputError(`${secretPath} is empty; it must hold the secret of the TURN server.`);
  return { turn: { urls, secret } };
}

function openBrowser(address: string): void {
  const isHeadless = process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
  if (isHeadless || process.env.CI) return;
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', address]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '', address]
        : ['xdg-open', address];
  // If there is no opener, the printed address is enough.
  spawn(command!, args, { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}

await runCommand(HELP, async (args) => {
  const { port, host, https, origins, stun, check, relay: asked, ...turn } = readOptions(args);
  const isOpen = host === '0.0.0.0' || host === '::';
  const lan = isOpen ? await lanAddresses() : [];
  const name = isOpen ? (lan[0] ?? 'localhost') : host === '127.0.0.1' ? 'localhost' : host;
  // why not on a public server: who relays lends its bandwidth to everybody who reaches it
  const relay = asked ?? (origins.length === 0 && (isOpen ? lan : [host]).every(isLocal));
  const tls = https ? { tls: await selfSigned([name, ...lan.slice(1), 'localhost']) } : {};
  const server = await startServer({
    pages,
    host,
    port,
    programsMayOpen: false,
    origins,
    stun,
    relay,
    ...turn,
    ...tls,
  });
  const addressOf = (host: string) => `${https ? 'https' : 'http'}://${host}:${server.port}/`;
  const address = origins[0] ?? addressOf(name);
  if (check) {
    const addresses = isOpen ? lan.map(addressOf) : [addressOf(name)];
    const own = addressOf(isOpen ? '127.0.0.1' : host);
    const { stunPort } = server;
    const turnUrls = turn.turn?.urls ?? [];
    const { checkNetwork } = await import('./checknetwork');
    const findings = await checkNetwork({
      addresses,
      own,
      origin: origins[0] ?? new URL(own).origin,
      stunPort,
      relays: relay,
      turn: turnUrls,
    });
    for (const { isWell, what, advice } of findings)
      console.log(`${isWell ? 'ok' : '--'}  ${what}${advice ? `: ${advice}` : ''}`);
    await endProcess(findings.every(({ isWell }) => isWell) ? 0 : 1);
  }
  console.log(`${renderUnicodeCompact(address)}\nTabtrain is at ${address}`);
  const others = origins.length > 0 ? [addressOf(name)] : lan.slice(1).map(addressOf);
  if (others.length > 0) console.log(`Other addresses of this machine: ${others.join(', ')}`);
  if (isOpen && https) console.log("Each device shows a warning once: the certificate is this machine's own.");
  else if (origins.length > 0) console.log(`Pages of ${origins.join(' and ')} may signal; other origins are refused.`);
  else if (isOpen) console.log('WebGPU works on this machine only; for other devices add --https.');
  else console.log(asTyped('Only this machine can open it; for other devices: npm start -- --https'));
  if (stun && server.stunPort === null)
    console.log('No UDP port can be opened: devices that hide their addresses may not find each other.');
  else if (stun && isOpen && server.stunPort !== server.port)
    console.log(`UDP port ${server.port} is taken: STUN answers at port ${server.stunPort}.`);
  if (!relay && asked === undefined)
    console.log('A public server relays no links between devices that cannot reach each other; --relay makes it.');
  openBrowser(address);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
});
