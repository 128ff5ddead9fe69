/**
 * Ranks inside the lecture page, for a lecturer who is alone: hidden frames of the same site, each a page of its own with a
 * training Worker and connections of its own, so that one click gives a cluster.
 */

/** Add `count` frames that join the room of `secret` and take part at once: opening them was the person's click. */
export function openSeats(secret: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const frame = document.createElement('iframe');
    frame.src = new URL(`./seat.html#${new URLSearchParams({ room: secret })}`, location.href).href;
    frame.className = 'seat';
    frame.title = 'A tab of the cluster';
    document.body.append(frame);
  }
}
