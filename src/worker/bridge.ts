/** Page side of the training Worker: starts it and joins it to a room (roster, messages, data channels). */
import * as Comlink from 'comlink';
import type { Room } from '../net/room';
import type { RoomPort } from './api';
import type { LocalRank } from './rank';
import { relayChannel } from './relay';
import type { ChannelsMessage, OpenRank } from './worker';

export interface Bridge {
  readonly rank: Comlink.Remote<LocalRank>;
  close(): void;
}

/** What the Worker tells its page. */
export type Hearing = Pick<RoomPort, 'status' | 'trace'>;

export async function bridge(room: Room, hearing: Hearing): Promise<Bridge> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'tabtrain' });
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the training Worker did not start: ${event.message}`));
  });
  const port: RoomPort = {
    send: (to, message) => room.send(to, message),
    want: (peers) => room.want(peers),
    renew: (peer) => room.renew(peer),
    announce: (change) => room.announce(change),
    status: (status) => hearing.status(status),
    trace: (pack, lost) => hearing.trace(pack, lost),
  };
  const open = Comlink.wrap<OpenRank>(worker);
  const rank = (await Promise.race([
    open(room.self, Comlink.proxy(port) as unknown as Comlink.Remote<RoomPort>),
    broken,
  ])) as unknown as Comlink.Remote<LocalRank>;
  const stops = [
    room.onChannels(({ peer, bulk, control }) => handOver(worker, peer, bulk, control)),
    room.onUnlinked((peer, reason) => void rank.unlinked(peer, reason)),
    room.onMessage((from, message) => void rank.receive(from, message)),
    room.onRoster((roster) => void rank.setRoster([...roster.values()])),
  ];
  return {
    rank,
    close() {
      for (const stop of stops) stop();
      worker.terminate();
    },
  };
}

function handOver(worker: Worker, peer: string, bulk: RTCDataChannel, control: RTCDataChannel): void {
  try {
    const message: ChannelsMessage = { channels: 'direct', peer, bulk, control };
    // lib.dom does not know yet that RTCDataChannel is transferable.
    worker.postMessage(message, [bulk, control] as unknown as Transferable[]);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'DataCloneError')) throw error;
    const [bulks, controls] = [new MessageChannel(), new MessageChannel()];
    relayChannel(bulk, bulks.port1);
    relayChannel(control, controls.port1);
    const message: ChannelsMessage = { channels: 'relay', peer, bulk: bulks.port2, control: controls.port2 };
    worker.postMessage(message, [bulks.port2, controls.port2]);
  }
}
