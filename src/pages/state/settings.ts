/** What this browser remembers between visits (IndexedDB): look, name, last choice. Read as untrusted data. */
import { get, set } from 'idb-keyval';
import * as v from 'valibot';
import { inTime } from '../../storage/intime';
import { choiceFields } from './runchoice';

const schema = v.object({
  theme: v.fallback(v.picklist(['auto', 'light', 'dark']), 'auto'),
  name: v.fallback(v.pipe(v.string(), v.maxLength(64)), ''),
  logScale: v.fallback(v.boolean(), false),
  choice: v.fallback(v.nullable(v.object(choiceFields)), null),
});

export type Settings = v.InferOutput<typeof schema>;
export type Theme = Settings['theme'];

const KEY = 'tabtrain settings 1';
export const NO_SETTINGS: Settings = { theme: 'auto', name: '', logScale: false, choice: null };

/** The settings in `value`; fields that cannot be used get their default. */
export function settingsOf(value: unknown): Settings {
  const result = v.safeParse(schema, value);
  return result.success ? result.output : NO_SETTINGS;
}

/** The page is blank until then, so it waits for its settings less long than for other things in a store. */
const LOAD_MS = 1_000;

/** Rejects if the browser gives no storage (a private window of some browsers) or it does not answer. */
export async function loadSettings(): Promise<Settings> {
  return settingsOf(await inTime(get(KEY), LOAD_MS));
}

/** Rejects like loadSettings. */
export async function saveSettings(settings: Settings): Promise<void> {
  await inTime(set(KEY, settings));
}
