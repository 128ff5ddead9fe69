/** The folder of this user for what can be made again: certificates and the autotuner's choices. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tabtrain');
