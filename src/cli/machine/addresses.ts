/** This machine's addresses on the networks it is in. */
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';

/** Reserved for documentation (RFC 5737): never on the local network, so packets to it would take the default route. */
const ELSEWHERE = { host: '192.0.2.1', port: 9 };

/** The address of the default route; undefined if there is none. Asks the kernel; no packet is sent. */
function defaultRouteAddress(): Promise<string | undefined> {
  const socket = createSocket('udp4');
  return new Promise<string | undefined>((resolve) => {
    socket.once('error', () => resolve(undefined));
    socket.connect(ELSEWHERE.port, ELSEWHERE.host, () => resolve(socket.address().address));
  }).finally(() => socket.close());
}

/** The IPv4 addresses that others may reach this machine by; that of the default route comes first. */
export async function lanAddresses(): Promise<readonly string[]> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const ours = all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
  const first = await defaultRouteAddress();
  return [...ours.filter((address) => address === first), ...ours.filter((address) => address !== first)];
}
