/** Reads what `--init` names: a safetensors file for the run file's model, or a model's folder. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Folder } from '../../train/files/modelfolder';
import { readConfig } from '../../train/files/readconfig';
import { readSafetensors } from '../../train/files/safetensors';
import { type Init, initOfFolder } from '../../train/files/startmodel';
import { readFile } from '../machine/readfile';

/** Throws InputError naming the file, and the field of config.json that is not honoured. */
export function readInit(path: string): Init {
  if (existsSync(path) && statSync(path).isDirectory()) return initOfFolder(folderAt(path));
  const tensors = readSafetensors(readFile(path, 'the initial weights'));
  const beside = join(dirname(path), 'config.json');
  const config = existsSync(beside) ? readConfig(readFile(beside, 'config.json').toString('utf8')) : undefined;
  return { tensors, model: config?.model, decides: false, tokenizer: undefined, notes: config?.notes ?? [] };
}

function folderAt(path: string): Folder {
  return { names: readdirSync(path), read: (name) => readFile(join(path, name), `${name} of the model`) };
}
