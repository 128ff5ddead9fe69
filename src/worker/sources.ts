/** Where the bytes of a run's source come from on this peer: given with the start, or fetched from the pages' server. */
import { InputError } from '../errors';

/** The bytes of `source`; null if this peer does not have it. Throws InputError if it cannot be fetched. */
export async function loadSource(
  sources: Readonly<Record<string, Uint8Array | string>>,
  source: string,
): Promise<Uint8Array | null> {
  const given = Object.hasOwn(sources, source) ? sources[source] : undefined;
  if (given === undefined) return null;
  return typeof given === 'string' ? fetchBytes(given, source) : given;
}

/** `what` names the file in the error's sentence. */
export async function fetchBytes(url: string, what: string): Promise<Uint8Array> {
  const response = await fetch(url).catch((error: Error) => error);
  if (!(response instanceof Error) && response.ok) return new Uint8Array(await response.arrayBuffer());
  const reason = response instanceof Error ? response.message : `status ${response.status}`;
  throw new InputError(`${what} could not be fetched from the server (${reason}); is it still running?`);
}

/** A person's own text as the bytes of a run's source, with the text that is held out of it. */
export async function sourceBytes(text: string, heldOut?: string): Promise<Uint8Array<ArrayBuffer>> {
  const utf8 = new TextEncoder();
  if (heldOut === undefined) return utf8.encode(text);
  // why only now: most texts hold out their last tenth
  const { packTwo } = await import('../train/data/parted');
  return packTwo(utf8.encode(text), utf8.encode(heldOut));
}
