/**
 * `npm start`: pages and signaling on one port. Prints the address and a QR code, and opens a browser if there is one.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { renderUnicodeCompact } from 'uqr';
import { InputError } from '../errors';
import { startServer } from '../server/server';
import { asTyped, type Help, runCommand } from './command';
import { lanAddresses } from './machine/addresses';
import { selfSigned } from './machine/certificate';

const USAGE = 'npm start -- [--port 8080] [--host 0.0.0.0] [--https] [--origin https://name[:port] ...] [--no-stun]';
const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  https: { type: 'boolean' },
  origin: { type: 'string', multiple: true },
  'no-stun': { type: 'boolean' },
} as const;
const pages = join(import.meta.dirname, '..', 'pages');

const HELP: Help = {
  about: 'Serves the pages and the signaling on one port, and prints the address with a QR code.',
  usage: USAGE,
  examples: [
    ['npm start', 'for this machine, at port 8080'],
    ['npm start -- --https', 'for all devices of this network'],
    ['npm start -- --port 9000 --host 192.168.1.5', 'at another port and on one address only'],
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
  const { port, host, https, origins, stun } = readOptions(args);
  const isOpen = host === '0.0.0.0' || host === '::';
  const lan = isOpen ? await lanAddresses() : [];
  const name = isOpen ? (lan[0] ?? 'localhost') : host === '127.0.0.1' ? 'localhost' : host;
  const tls = https ? { tls: await selfSigned([name, ...lan.slice(1), 'localhost']) } : {};
  const server = await startServer({ pages, host, port, programsMayOpen: false, origins, stun, ...tls });
  const addressOf = (host: string) => `${https ? 'https' : 'http'}://${host}:${server.port}/`;
  const address = origins[0] ?? addressOf(name);
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
  openBrowser(address);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
});
