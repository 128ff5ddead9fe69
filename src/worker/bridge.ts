/**
 * Page side of the training Worker: starts it, and joins its rank to a room (roster, messages, data channels) when the tab
 * takes part.
 */
import * as Comlink from 'comlink';
import type { LinkChannels, Room } from '../net/room/room';
import type { DeviceReport, RoomPort } from './api';
import type { WorkerEngine } from './engine';
import { relayChannel } from './relay';
import type { ChannelsMessage, TrainingWorker } from './worker';

interface Bridge {
  /** Tells whether this device can take part, without GPU work. Rejects if the Worker does not start. */
  probe(): Promise<DeviceReport>;
  /** Returns this tab's rank, joined to the room. The first call loads the engine. Rejects if that fails. */
  rank(): Promise<Comlink.Remote<WorkerEngine>>;
  close(): void;
}

/** What the Worker reports to its page. */
type Hearing = Pick<RoomPort, 'status' | 'trace'>;

export function bridge(room: Room, hearing: Hearing): Bridge {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'tabtrain' });
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the training Worker did not start: ${event.message}`));
  });
  // Callers that wait for an answer get the rejection; without a caller it must not count as unhandled.
  broken.catch(() => {});
  const remote = Comlink.wrap<TrainingWorker>(worker);
  const port: RoomPort = {
    send: (to, message) => room.send(to, message),
    want: (peers, mode) => room.want(peers, mode),
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
      room.onChannels((channels) => handOver(worker, channels)),
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

function handOver(worker: Worker, channels: LinkChannels): void {
  if (channels.kind === 'near') {
    const { peer, bulk, control, isOneProcess } = channels;
    worker.postMessage({ channels: 'near', peer, bulk, control, isOneProcess } satisfies ChannelsMessage, [
      bulk,
      control,
    ]);
  } else if (channels.kind === 'relayed') {
    const { peer, relay, keys } = channels;
    worker.postMessage({ channels: 'relayed', peer, relay, keys } satisfies ChannelsMessage);
  } else handOverDataChannels(worker, channels);
}

function handOverDataChannels(
  worker: Worker,
  { peer, bulk, control }: Extract<LinkChannels, { kind: 'direct' }>,
): void {
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
