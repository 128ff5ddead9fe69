/** Where the built-in texts lie beside the pages (texts.plugin.ts puts them there). */

/** Path below the pages' folder of a built-in source, null for a user's own file. */
export function builtInText(source: string): string | null {
  return source === 'moby-dick' || source === 'names' ? `texts/${source}.txt` : null;
}
