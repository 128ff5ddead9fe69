/**
 * Which machine a tab is on, as far as it can know: tabs of one browser profile share a random number. A room is told a hash
 * of it and of the room's secret, so that nobody can find the machine again in another room.
 */
import { sha256 } from '../train/hash';

const KEY = 'tabtrain/machine';

/** 16 hexadecimal digits; undefined where the browser lets this site keep nothing. Needs a secure context. */
export async function machineOf(secret: string): Promise<string | undefined> {
  const number = keptNumber();
  if (number === undefined) return undefined;
  const hash = await sha256(new TextEncoder().encode(`${secret} ${number}`));
  return hash.slice(0, 16);
}

/** The same for all frames of one page, and for nobody else. */
export function pageOf(): string {
  let page: Window & { tabtrainPage?: string } = window;
  try {
    while (page.parent !== page && page.parent.location.origin === location.origin) page = page.parent;
  } catch (error) {
    // A page of another site has this one in a frame: the frames below that are a page.
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
    // Storage is switched off or full: then it is a machine of its own to the others.
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}
