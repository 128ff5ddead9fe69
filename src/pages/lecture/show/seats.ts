/**
 * Opens ranks inside the lecture page, for a lecturer without other devices. Each is a hidden frame of the same site
 * with its own training Worker and its own connections, so that one click gives a cluster.
 */
import { writeFragment } from '../../state/fragment';

/** Add `count` frames that join the room of `secret` and train at once: the click that opened them is the consent. */
export function openSeats(secret: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const frame = document.createElement('iframe');
    frame.src = new URL(`./seat.html${writeFragment(secret, null)}`, location.href).href;
    frame.className = 'seat';
    frame.title = 'A tab of the cluster';
    document.body.append(frame);
  }
}
