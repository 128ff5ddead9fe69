/** This machine's addresses on the networks it is in. */
import { createSocket } from 'node:dgram';
import { BlockList, isIP } from 'node:net';
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

/** Addresses that the internet does not route: loopback, link-local, private (RFC 1918), of a carrier's NAT, unique local. */
const local = new BlockList();
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  local.addSubnet(network, prefix);
}
for (const [network, prefix] of [
  ['::1', 128],
  ['fe80::', 10],
  ['fc00::', 7],
] as const) {
  local.addSubnet(network, prefix, 'ipv6');
}

/** Whether only machines of this network reach `host`. False for a name other than localhost: it may be public. */
export function isLocal(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === 'localhost';
  return local.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
