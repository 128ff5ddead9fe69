/** A rank in a hidden frame of the lecture page: joins the room of its fragment and takes part. No interface. */
import { signalingAddress } from '../net/signaling/signaladdress';
import type { Phase } from '../worker/api';
import { openTab } from '../worker/tab';
import { readFragment } from './state/fragment';
import { randomName } from './state/names';
import { installPolicy } from './trusted';

/** After these phases this tab takes part only when it is asked again. */
const ENDED: ReadonlySet<Phase> = new Set(['done', 'stopped', 'failed']);

/**
 * True if a page of this site has this one in a frame, since its person asked for that. A link alone must not start a
 * GPU.
 */
function isFramed(): boolean {
  try {
    return parent !== self && parent.location.origin === location.origin;
  } catch {
    return false;
  }
}

const { secret } = readFragment(location.hash);
if (secret !== undefined && isFramed()) {
  installPolicy();
  let phase: Phase = 'idle';
  const tab = await openTab({
    secret,
    signaling: signalingAddress(document.baseURI),
    name: randomName(),
    onStatus: (status) => {
      phase = status.phase;
    },
    onRoster: () => {},
    onOrder: ({ t }) => {
      if (t === 'join' && ENDED.has(phase)) tab.train(null);
    },
  });
  tab.train(null);
}
