/** WebGPU in a Node process: Dawn (npm `webgpu`) on the machine's Vulkan driver, else on the SwiftShader of a browser. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CapabilityError, sentenceOf } from '../../errors';
import { findBrowser, mayHaveGpu } from './browser';
import { pauseBetweenPolls } from './dawnpolls';

const SOFTWARE_ICD = 'vk_swiftshader_icd.json';
const SYSTEM_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

/** The browser's software Vulkan driver, in the folders of distributions and Playwright; undefined if there is none. */
function findSoftwareIcd(): string | undefined {
  const browser = findBrowser();
  const folders = browser ? [dirname(realpathSync(browser)), '/usr/lib/chromium'] : ['/usr/lib/chromium'];
  return folders.map((folder) => join(folder, SOFTWARE_ICD)).find((path) => existsSync(path));
}

const isFile = (folder: string) => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json'));

/** $VK_ICD_FILENAMES, else a driver of the system if there is a GPU, else the browser's software driver. */
function chooseDriver(env: NodeJS.ProcessEnv): void {
  if (process.platform !== 'linux') return;
  // The Vulkan loader needs a runtime folder even if nothing is displayed.
  env.XDG_RUNTIME_DIR ??= '/tmp';
  if (env.VK_ICD_FILENAMES) return;
  if (mayHaveGpu() && SYSTEM_FOLDERS.some(isFile)) return;
  const software = findSoftwareIcd();
  if (software) env.VK_ICD_FILENAMES = software;
}

const HOW_TO_GET_A_DRIVER: Partial<Record<NodeJS.Platform, string>> = {
  linux:
    'install the Vulkan loader and a driver (Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers; Fedora: dnf install vulkan-loader mesa-vulkan-drivers), or a Chromium, whose software driver is used then',
  darwin: 'this Mac has no Metal device that is open to this process',
  win32: 'update the graphics driver, which must support Direct3D 12',
};

/** why: Dawn ends the process if its instance is garbage-collected while one of its devices is open. */
const opened: GPU[] = [];

/**
 * Returns Dawn's GPU and makes WebGPU's constants global in this process. If the module cannot be loaded or finds no
 * adapter, throws CapabilityError, which says how to fix that.
 */
export async function openDawn(env: NodeJS.ProcessEnv = process.env): Promise<GPU> {
  chooseDriver(env);
  const gpu = await loadDawn();
  opened.push(gpu);
  if (await gpu.requestAdapter()) return gpu;
  throw new CapabilityError('E-NO-ADAPTER', noAdapterSentence(process.platform));
}

/** What is missing on this kind of machine, and how to get it. */
export function noAdapterSentence(platform: NodeJS.Platform): string {
  const way = HOW_TO_GET_A_DRIVER[platform] ?? 'install a graphics driver with Vulkan';
  return `Node found no graphics adapter: ${way}. Or run with --tabs.`;
}

async function loadDawn(): Promise<GPU> {
  try {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    pauseBetweenPolls();
    return create([]);
  } catch (error) {
    throw new CapabilityError(
      'E-NO-WEBGPU',
      `WebGPU cannot be used in Node on this machine (${sentenceOf(error)}): use --tabs.`,
    );
  }
}
