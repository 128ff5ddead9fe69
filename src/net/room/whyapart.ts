/**
 * Why WebRTC found no way between two devices, as far as one of them can tell. A network that isolates its devices cannot
 * be seen as such; the four cases below differ by what came of the attempt.
 */

/** What one end saw of an attempt that failed. */
export interface AttemptFacts {
  /** It was given a STUN or TURN server. */
  readonly hadServer: boolean;
  /** A server told this end its address, or gave it a relayed one. */
  readonly hasAnswer: boolean;
  /** A TURN server refused the credentials. */
  readonly isRefused: boolean;
  /** Candidates of the other end have arrived. */
  readonly hasOthers: boolean;
  readonly iceState: RTCIceConnectionState;
}

const RELAY = 'start the server with --relay, give it a TURN server (--turn), or use another network';

/** Text that continues "No connection to NAME:"; undefined if the attempt tells nothing about the network. */
export function whyApart(facts: AttemptFacts): string | undefined {
  const { hadServer, hasAnswer, isRefused, hasOthers, iceState } = facts;
  if (isRefused) return 'the TURN server refused the password, which may be too old: reload this page';
  if (!hasOthers) return undefined;
  if (hadServer && !hasAnswer) {
    return `UDP packets of this device do not reach the server: open its UDP port in the firewalls, or ${RELAY}`;
  }
  if (iceState === 'new') {
    return 'the devices cannot resolve the names by which their browsers hide the addresses: start the server without --no-stun, or use a network that passes mDNS';
  }
  return `this network does not let devices talk to each other, as a guest Wi-Fi often does not: ${RELAY}`;
}
