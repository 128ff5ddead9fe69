/**
 * The dedicated Worker of a tab: answers at once whether the device can take part, and loads the engine (kernels, trainer,
 * transport) when the tab does. Data channels come from the page outside of comlink.
 */
import * as Comlink from 'comlink';
import type { RelayClient } from '../net/relay/relayclient';
import type { RelayKeys } from '../net/relay/relaykeys';
import type { NearPorts } from '../net/room/connectnear';
import type { RelayAddress } from '../net/signaling/signaling';
import { PortChannel } from '../net/wire/portchannel';
import type { PeerId } from '../plan/mesh';
import type { DeviceReport, RoomPort } from './api';
import type { WorkerEngine } from './engine';
import { probeDevice } from './probe';
import { RelayedChannel } from './relay';

/** Posted outside of comlink: a data channel must be transferred in the task that created it. */
export type ChannelsMessage =
  | {
      readonly channels: 'direct';
      readonly peer: PeerId;
      readonly bulk: RTCDataChannel;
      readonly control: RTCDataChannel;
    }
  | { readonly channels: 'relay'; readonly peer: PeerId; readonly bulk: MessagePort; readonly control: MessagePort }
  | ({ readonly channels: 'near'; readonly peer: PeerId } & NearPorts)
  | { readonly channels: 'relayed'; readonly peer: PeerId; readonly relay: RelayAddress; readonly keys: RelayKeys };

export interface TrainingWorker {
  /** Asks for an adapter only: no GPU work. */
  probe(): Promise<DeviceReport>;
  /** Load the engine and make the rank of this tab; `port` is a proxy of the page's end. Called once. */
  open(self: PeerId, port: Comlink.Remote<RoomPort>): Promise<WorkerEngine>;
}

const gpu = globalThis.navigator?.gpu;
let rank: WorkerEngine | undefined;
let page: RoomPort | undefined;

async function open(self: PeerId, port: Comlink.Remote<RoomPort>): Promise<WorkerEngine> {
  const [{ WorkerEngine }, { browserStore }] = await Promise.all([import('./engine'), import('./tunestore')]);
  // Calls over comlink return promises that reject only if the page is gone, and then this Worker ends, too.
  const asPort: RoomPort = {
    send: (to, message) => void port.send(to, message),
    want: (peers, mode) => void port.want(peers, mode),
    renew: (peer) => void port.renew(peer),
    announce: (change) => void port.announce(change),
    status: (status) => void port.status(status),
    trace: (pack, lost) => void port.trace(Comlink.transfer(pack, [pack.buffer]), lost),
  };
  page = asPort;
  rank = new WorkerEngine(self, asPort, gpu, browserStore);
  return Comlink.proxy(rank);
}

let relayClient: Promise<RelayClient> | undefined;

/** Loads the client of the relay with the first relayed link. If that fails, the page connects again. */
async function addRelayed({ peer, relay, keys }: Extract<ChannelsMessage, { channels: 'relayed' }>): Promise<void> {
  try {
    relayClient ??= import('../net/relay/relayclient').then(
      ({ RelayClient }) => new RelayClient((url) => new WebSocket(url)),
    );
    const { bulk, control } = (await relayClient).pair(relay, peer, keys);
    rank?.addLink(peer, bulk, control, 'relayed');
  } catch {
    relayClient = undefined;
    page?.renew(peer);
  }
}

addEventListener('message', ({ data }: MessageEvent<ChannelsMessage | Record<string, never>>) => {
  if (data.channels === 'direct') rank?.addLink(data.peer, data.bulk, data.control);
  else if (data.channels === 'relay') {
    rank?.addLink(data.peer, new RelayedChannel(data.bulk), new RelayedChannel(data.control));
  } else if (data.channels === 'near') {
    const channel = (port: MessagePort) => new PortChannel(port, data.isOneProcess);
    rank?.addLink(data.peer, channel(data.bulk), channel(data.control), 'near');
  } else if (data.channels === 'relayed') void addRelayed(data);
});
Comlink.expose({ probe: () => probeDevice(gpu), open } satisfies TrainingWorker);
