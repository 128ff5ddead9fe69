/** How a tab's failure reads to the other people of the room, in words that follow its name. Pure. */
import { BadContribution, BufferLimit, DeviceLost, LineError, sentenceOf } from '../../errors';

const [KILOBYTE, MEGABYTE] = [2 ** 10, 2 ** 20];

/** The reason in "Heron 4 left: its graphics chip allows 128 MB buffers". */
export function leavingWords(error: unknown): string {
  if (error instanceof LineError) return leavingWords(error.cause);
  if (error instanceof DeviceLost) return 'its graphics device was lost';
  if (error instanceof BadContribution) return 'its graphics chip computed numbers that cannot be right';
  if (error instanceof BufferLimit) return `its graphics chip allows ${inWords(error.allowedBytes)} buffers`;
  // what engines throw where the host's memory does not suffice for an array
  if (error instanceof RangeError && /alloc|array (buffer )?length/i.test(error.message)) return 'its memory is full';
  return sentenceOf(error);
}

const inWords = (bytes: number) =>
  bytes >= MEGABYTE ? `${Math.floor(bytes / MEGABYTE)} MB` : `${Math.floor(bytes / KILOBYTE)} kB`;
