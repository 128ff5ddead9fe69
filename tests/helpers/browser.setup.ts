/**
 * Global setup: checks for a Chromium-family browser (its SwiftShader also serves Dawn in Node) and a Vulkan loader.
 * What is missing is installed, with a message: on Debian as root by apt, elsewhere Playwright's own Chromium.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { findBrowser } from '../../src/cli/machine/browser';

const run = (command: string, args: string[]) =>
  execFileSync(command, args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });

const hasVulkanLoader = () =>
  process.platform !== 'linux' ||
  execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).includes('libvulkan.so.1');

export default function setup(): void {
  const isDebianRoot = existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;
  if (isDebianRoot && (!findBrowser() || !hasVulkanLoader())) {
    console.log('No Chrome, Chromium or Edge with a Vulkan loader found: installing chromium and libvulkan1 with apt.');
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'libvulkan1']);
  }
  if (findBrowser()) return;
  console.log("No Chrome, Chromium or Edge found: installing Playwright's Chromium.");
  const playwright = dirname(createRequire(import.meta.url).resolve('playwright-core/package.json'));
  run(process.execPath, [join(playwright, 'cli.js'), 'install', 'chromium']);
  process.env.CHROME_PATH = chromium.executablePath();
}
