/**
 * What the compiler of an AMD graphics chip makes of our WGSL, on a machine without one: Dawn over Mesa's driver, which
 * compiles for a chip it is told to assume. Figures are static; nothing is run and no time is measured.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Compiled, readListing } from './listing';

/** Chips by the names Mesa gives them: a Radeon RX 6800 and a Radeon RX 7900. */
export type Chip = 'navi21' | 'gfx1100';

const here = import.meta.dirname;
const DRIVER = '/usr/share/vulkan/icd.d/radeon_icd.x86_64.json';
const LAYER_HEADER = '/usr/include/vulkan/vk_layer.h';
const LAYER = 'VK_LAYER_TABTRAIN_compile_only';

/** Why this machine cannot compile, as a sentence; undefined where it can. */
export function missing(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'static figures need Linux on x86-64';
  const hasGcc = spawnSync('gcc', ['--version']).status === 0;
  if (existsSync(DRIVER) && existsSync(LAYER_HEADER) && hasGcc) return undefined;
  return 'the AMD compiler is not installed, so no static figures: apt-get install gcc libvulkan-dev mesa-vulkan-drivers';
}

/** Compile each text for `chip`. A text that the compiler refuses or dies of has `refused` instead of figures. */
export function compileAll(texts: ReadonlyMap<string, string>, chip: Chip): ReadonlyMap<string, Compiled> {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-static-'));
  try {
    buildLayer(folder);
    const files = [...texts].map(([name, text], i) => {
      const file = join(folder, `${i}.wgsl`);
      writeFileSync(file, text);
      return { name, file };
    });
    const found = new Map<string, Compiled>();
    // why a loop: a text that ends the compiler ends the process, and the texts after it need another
    for (let rest = files; rest.length > 0; rest = files.filter(({ name }) => !found.has(name))) {
      const listing = runChild(
        folder,
        chip,
        rest.map(({ file }) => file),
      );
      for (const { file, compiled } of readListing(listing)) {
        found.set(files.find((one) => one.file === file)!.name, compiled);
      }
      if (!found.has(rest[0]!.name)) throw new Error(`the compiler did not begin:\n${listing.slice(-2000)}`);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function buildLayer(folder: string): void {
  execFileSync('gcc', ['-shared', '-fPIC', '-o', join(folder, 'layer.so'), join(here, 'compileonly.c')]);
  const layer = {
    name: LAYER,
    type: 'GLOBAL',
    library_path: './layer.so',
    api_version: '1.3.0',
    implementation_version: '1',
    description: 'opens a device that only compiles',
  };
  writeFileSync(join(folder, 'layer.json'), JSON.stringify({ file_format_version: '1.2.0', layer }));
}

function runChild(folder: string, chip: Chip, files: readonly string[]): string {
  const env = {
    ...process.env,
    XDG_RUNTIME_DIR: folder,
    VK_LAYER_PATH: folder,
    VK_INSTANCE_LAYERS: LAYER,
    VK_ICD_FILENAMES: DRIVER,
    RADV_FORCE_FAMILY: chip,
    RADV_DEBUG: 'shaders,shaderstats,nocache',
  };
  const args = [join(here, 'compile.mjs'), ...files];
  return spawnSync(process.execPath, args, { encoding: 'utf8', env, maxBuffer: 1 << 29 }).stderr;
}
