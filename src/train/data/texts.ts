/** Paths of the built-in texts beside the pages (texts.plugin.ts puts them there). */

/** Path of a built-in source, relative to the pages' folder; null for a user's own file. */
export function builtInText(source: string): string | null {
  return source === 'moby-dick' || source === 'names' ? `texts/${source}.txt` : null;
}
