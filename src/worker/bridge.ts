/**
 * Page side of the training Worker: starts it, and joins its rank to a room (roster, messages, data channels) when the tab
 * takes part.
 */
import * as Comlink from 'comlink';
import type { Room } from '../net/room/room';
import type { DeviceReport, RoomPort } from './api';
import type { WorkerEngine } from './engine';
import { relayChannel } from './relay';
import type { ChannelsMessage, TrainingWorker } from './worker';

export interface Bridge {
  /** Can this device take part? No GPU work. Rejects when the Worker does not start. */
  probe(): Promise<DeviceReport>;
  /** The rank of this tab, joined to the room; its engine is loaded by the first call. Rejects when it cannot be. */
  rank(): Promise<Comlink.Remote<WorkerEngine>>;
  close(): void;
}

/** What the Worker tells its page. */
export type Hearing = Pick<RoomPort, 'status' | 'trace'>;

export function bridge(room: Room, hearing: Hearing): Bridge {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'tabtrain' });
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the training Worker did not start: ${event.message}`));
  });
  // Whoever waits for an answer is told; nobody may be waiting yet.
  broken.catch(() => {});
  const remote = Comlink.wrap<TrainingWorker>(worker);
  const port: RoomPort = {
    send: (to, message) => room.send(to, message),
    want: (peers) => room.want(peers),
    renew: (peer) => room.renew(peer),
    announce: (change) => room.announce(change),
    status: (status) => hearing.status(status),
    trace: (pack, lost) => hearing.trace(pack, lost),
  };
  const stops: (() => void)[] = [];
  let joined: Promise<Comlink.Remote<WorkerEngine>> | undefined;

  const join = async () => {
    const proxied = Comlink.proxy(port) as unknown as Comlink.Remote<RoomPort>;
    const opening = remote.open(room.self, proxied) as unknown as Promise<Comlink.Remote<WorkerEngine>>;
    const rank = await Promise.race([opening, broken]);
    stops.push(
      room.onChannels(({ peer, bulk, control }) => handOver(worker, peer, bulk, control)),
      room.onUnlinked((peer, reason) => void rank.unlinked(peer, reason)),
      room.onMessage((from, message) => void rank.receive(from, message)),
      room.onRoster((roster) => void rank.setRoster([...roster.values()])),
    );
    return rank;
  };

  return {
    probe: () => Promise.race([remote.probe(), broken]),
    rank() {
      joined ??= join().catch((error) => {
        joined = undefined;
        throw error;
      });
      return joined;
    },
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
