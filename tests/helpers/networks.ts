/**
 * Network namespaces of Linux: two networks joined by a router, and this process as the server beside it. Each holds one
 * browser. No multicast passes the router, so an mDNS name of one network means nothing in the other.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { browserFlags, requireBrowser } from '../../src/cli/machine/browser';

/** What the router lets pass between the two networks and to the server. */
export type Passing = 'everything' | 'nothing between them' | 'only TCP to the server';

const SERVER = '10.77.0.1';
const ROUTER = 'tabtrain-r';
const NAMES = ['tabtrain-1', 'tabtrain-2'] as const;

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' });
const ip = (text: string) => run('ip', ...text.split(' '));

/** A sentence if namespaces cannot be made here; undefined if they can. */
export function noNetworks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'namespaces need Linux and root';
  try {
    ip(`netns add ${ROUTER}`);
    run('ip', 'netns', 'exec', ROUTER, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    return undefined;
  } catch (error) {
    return `namespaces cannot be made here (${(error as Error).message.split('\n')[0]})`;
  } finally {
    remove(ROUTER);
  }
}

function remove(name: string): void {
  try {
    ip(`netns del ${name}`);
  } catch {
    // there is none
  }
}

export class Networks {
  /** Address of this process as the browsers reach it. */
  readonly server = SERVER;

  constructor() {
    this.close();
    for (const name of [ROUTER, ...NAMES]) {
      ip(`netns add ${name}`);
      ip(`-n ${name} link set lo up`);
    }
    ip(`link add tabtrain0 type veth peer name r0 netns ${ROUTER}`);
    ip(`addr add ${SERVER}/24 dev tabtrain0`);
    ip('link set tabtrain0 up');
    ip(`-n ${ROUTER} addr add 10.77.0.2/24 dev r0`);
    ip(`-n ${ROUTER} link set r0 up`);
    for (const [i, name] of NAMES.entries()) {
      ip(`-n ${ROUTER} link add p${i} type veth peer name eth0 netns ${name}`);
      ip(`-n ${ROUTER} addr add 10.77.${i + 1}.1/24 dev p${i}`);
      ip(`-n ${ROUTER} link set p${i} up`);
      ip(`-n ${name} addr add 10.77.${i + 1}.2/24 dev eth0`);
      ip(`-n ${name} link set eth0 up`);
      ip(`-n ${name} route add default via 10.77.${i + 1}.1`);
    }
    ip('route add 10.77.0.0/16 via 10.77.0.2');
    run('ip', 'netns', 'exec', ROUTER, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  }

  /** Until the networks are closed. */
  let(passing: Passing): void {
    for (const [i, other] of [2, 1].entries()) {
      if (passing !== 'everything') ip(`-n ${ROUTER} rule add iif p${i} to 10.77.${other}.0/24 blackhole`);
      if (passing === 'only TCP to the server') ip(`-n ${ROUTER} rule add iif p${i} ipproto udp blackhole`);
    }
  }

  /** A browser in network `index`; `origin` counts as secure there, as https would. `folder`: for the script that starts it. */
  async browser(index: 0 | 1, origin: string, folder: string): Promise<Browser> {
    const path = join(folder, `browser${index}.sh`);
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${NAMES[index]} ${requireBrowser()} "$@"\n`);
    chmodSync(path, 0o755);
    const args = [...browserFlags(true), `--unsafely-treat-insecure-origin-as-secure=${origin}`];
    return chromium.launch({ executablePath: path, args });
  }

  close(): void {
    for (const name of [ROUTER, ...NAMES]) remove(name);
  }
}
