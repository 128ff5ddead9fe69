/**
 * Finds the Chromium-family browser that headless runs and tests drive, and the flags that give it WebGPU on this
 * machine. Nothing is installed by this file.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CapabilityError } from '../../errors';

const NAMES = [
  'google-chrome-stable',
  'google-chrome',
  'chrome',
  'chromium',
  'chromium-browser',
  'microsoft-edge-stable',
  'microsoft-edge',
  'msedge',
];

const FIXED_PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** Path of a browser: $CHROME_PATH, then the PATH, then the usual places; undefined if there is none. */
export function findBrowser(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.CHROME_PATH && existsSync(env.CHROME_PATH)) return env.CHROME_PATH;
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...onPath, ...FIXED_PLACES].find((path) => existsSync(path));
}

/** Like findBrowser. If there is none, throws CapabilityError, which says how to get one. */
export function requireBrowser(): string {
  const path = findBrowser();
  if (path) return path;
  throw new CapabilityError(
    'E-NO-WEBGPU',
    'No Chrome, Chromium or Edge was found: install one, set CHROME_PATH to its program file, or run with --nodes.',
  );
}

/**
 * False only if there is surely no GPU; otherwise the drivers decide. NVIDIA's driver in a container has no /dev/dri.
 */
export function mayHaveGpu(): boolean {
  return process.platform !== 'linux' || existsSync('/dev/dri') || existsSync('/dev/nvidia0');
}

/** With these flags Chromium without a window finds the Vulkan driver of a Linux machine; other systems need none. */
const LINUX_GPU = ['--use-angle=vulkan', '--disable-vulkan-surface', '--ignore-gpu-blocklist'];

/**
 * Command line flags for a driven browser. `software` forces the SwiftShader adapter (machines without a GPU); background
 * services that would only reach for the network are off; tabs that are not in front keep running.
 */
export function browserFlags(software: boolean, platform: NodeJS.Platform = process.platform): string[] {
  const linuxGpu = !software && platform === 'linux';
  // why the ring: freed memory stays with the process; compiling kernels on a software adapter frees and takes it all
  // the time, and without it a sixth of a room's processor time goes to the system's page faults
  const features = ['PartitionAllocLargeEmptySlotSpanRing', ...(linuxGpu ? ['Vulkan'] : [])];
  return [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--enable-unsafe-webgpu',
    ...(software ? ['--use-webgpu-adapter=swiftshader'] : []),
    ...(linuxGpu ? LINUX_GPU : []),
    `--enable-features=${features.join(',')}`,
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
}
