/** Files and folders of a drop. */

/** Must be called in the task of the event: the browser forgets them after it. */
export function entriesOf({ items }: DataTransfer): readonly FileSystemEntry[] {
  return [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
}

/** A zip, weights or another file of a model; anything else is taken as a text. */
export function isOfModel({ name }: { readonly name: string }): boolean {
  return /\.(zip|safetensors|bin|pth?)$|^((generation_)?config|tokenizer.*|model.*index)\.json$/i.test(name);
}
