/**
 * Assets of earlier builds. Tabs that still run one load parts of it later, for example to download their model. The name of
 * an asset has a hash of its content, so assets of several builds can be in one folder.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Age at which an asset that no build has written again is removed. */
const KEPT_MS = 7 * 24 * 3600e3;

const filesIn = (folder) => (existsSync(folder) ? readdirSync(folder) : []);

/**
 * Calls `build`, which empties the folder `assets`, and puts the files back that it did not write again. `aside` is a folder
 * beside it that holds them meanwhile, also if the process ends.
 */
export function keepingAssets(assets, aside, build) {
  mkdirSync(aside, { recursive: true });
  for (const name of filesIn(assets)) renameSync(join(assets, name), join(aside, name));
  build();
  mkdirSync(assets, { recursive: true });
  for (const name of filesIn(aside)) {
    const isOld = Date.now() - statSync(join(aside, name)).mtimeMs > KEPT_MS;
    if (!isOld && !existsSync(join(assets, name))) renameSync(join(aside, name), join(assets, name));
  }
  rmSync(aside, { recursive: true });
}
