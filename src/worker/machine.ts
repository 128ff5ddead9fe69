/**
 * Finds out which machine a tab is on, as far as the tab can know: tabs of one browser profile share a random number. A
 * room gets only a hash of this number and of its secret, so nobody can recognise the machine in another room.
 */
import { sha256 } from '../train/hash';

const KEY = 'tabtrain/machine';

/** 16 hexadecimal digits; undefined if the browser lets this site store nothing. Needs a secure context. */
export async function machineOf(secret: string): Promise<string | undefined> {
  const number = keptNumber();
  if (number === undefined) return undefined;
  const hash = await sha256(new TextEncoder().encode(`${secret} ${number}`));
  return hash.slice(0, 16);
}

/** An id that all frames of one page share, and no other page. */
export function pageOf(): string {
  let page: Window & { tabtrainPage?: string } = window;
  try {
    while (page.parent !== page && page.parent.location.origin === location.origin) page = page.parent;
  } catch (error) {
    // A page of another site has this one in a frame: the topmost frame of this site below it counts as the page.
    if (!(error instanceof DOMException)) throw error;
  }
  page.tabtrainPage ??= crypto.randomUUID();
  return page.tabtrainPage;
}

function keptNumber(): string | undefined {
  try {
    const number = localStorage.getItem(KEY) ?? crypto.randomUUID();
    localStorage.setItem(KEY, number);
    return number;
  } catch (error) {
    // Storage is switched off or full: the other peers then take this tab for a machine of its own.
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}
