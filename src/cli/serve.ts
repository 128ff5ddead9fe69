/** `npm start`: pages and signaling on one port; prints address and QR code and opens the browser where there is one. */
import { spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { renderUnicodeCompact } from 'uqr';
import { InputError } from '../errors';
import { startServer } from '../server/server';
import { selfSigned } from './certificate';
import { type Help, runCommand } from './command';

const USAGE = 'npm start -- [--port 8080] [--host 0.0.0.0] [--https]';
const OPTIONS = { port: { type: 'string' }, host: { type: 'string' }, https: { type: 'boolean' } } as const;
const pages = join(import.meta.dirname, '..', 'pages');

const HELP: Help = {
  about: 'Serves the pages and the signaling on one port, and prints the address with a QR code.',
  usage: USAGE,
  examples: [
    ['npm start', 'for this machine, at port 8080'],
    ['npm start -- --https', 'for all devices of this network'],
    ['npm start -- --port 9000 --host 192.168.1.5', 'at another port and on one address only'],
  ],
};

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS });
    const port = Number(values.port ?? 8080);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new InputError(`--port is ${values.port}; it must be a whole number from 0 to 65535.`);
    }
    // Everybody on the network sees the page only when that was asked for; --https is pointless without.
    return { port, host: values.host ?? (values.https ? '0.0.0.0' : '127.0.0.1'), https: values.https ?? false };
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${(error as Error).message.split('.')[0]}. Usage: ${USAGE}`);
  }
}

/** The address of this machine that others on the network reach. */
function lanAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
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
  // Without an opener the printed address is enough.
  spawn(command!, args, { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}

await runCommand(HELP, async (args) => {
  const { port, host, https } = readOptions(args);
  const isOpen = host === '0.0.0.0' || host === '::';
  const name = isOpen ? (lanAddress() ?? 'localhost') : host === '127.0.0.1' ? 'localhost' : host;
  const tls = https ? { tls: await selfSigned([name, 'localhost']) } : {};
  const server = await startServer({ pages, host, port, allowPrograms: false, ...tls });
  const address = `${https ? 'https' : 'http'}://${name}:${server.port}/`;
  console.log(`${renderUnicodeCompact(address)}\nTabtrain is at ${address}`);
  if (isOpen && https) console.log("Each device shows a warning once: the certificate is this machine's own.");
  else if (isOpen) console.log('WebGPU works on this machine only; for other devices add --https.');
  else console.log('Only this machine can open it; for other devices: npm start -- --https');
  openBrowser(address);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
});
