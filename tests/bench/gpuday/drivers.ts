/** Which Vulkan drivers the parts use: those of the machine's chips, not the software ones beside them. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { mayHaveGpu } from '../../../src/cli/machine/browser';

const FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
const SOFTWARE = /lvp|swiftshader/;

/** Empty where the environment names drivers already, where there are none, and on systems that need no naming. */
export function chipDrivers(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  if (process.platform !== 'linux' || env.VK_ICD_FILENAMES || !mayHaveGpu()) return {};
  const files = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.json') && !SOFTWARE.test(name))
      .map((name) => join(folder, name)),
  );
  return files.length > 0 ? { VK_ICD_FILENAMES: files.join(':') } : {};
}
