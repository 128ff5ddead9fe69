import type { NearPorts } from '../../../src/net/room/connectnear';

/** What the bench page asks of its Worker. Channels travel in the task that creates them. */
export type Command =
  | { readonly do: 'link'; readonly peer: string; readonly bulk: RTCDataChannel; readonly control: RTCDataChannel }
  | { readonly do: 'rawLink'; readonly peer: string; readonly bulk: RTCDataChannel }
  | ({ readonly do: 'nearLink'; readonly peer: string } & NearPorts)
  | (Question & { readonly id: number });

export type Question =
  | { readonly do: 'raw'; readonly left: string; readonly right: string; readonly sizeBytes: number }
  | {
      readonly do: 'allReduce';
      readonly peers: readonly string[];
      readonly rank: number;
      readonly sizeBytes: number;
      readonly form: 'ring' | 'direct' | 'auto';
      readonly times: number;
    }
  | {
      readonly do: 'flow';
      readonly over: 'webrtc' | 'near';
      readonly left: string;
      readonly right: string;
      readonly sizeBytes: number;
    }
  | { readonly do: 'fill' | 'drain'; readonly peer: string; readonly seconds: number };

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** What came over a link that was filled for a while. */
export interface Drained {
  readonly bytes: number;
  /** Between two messages, after the first. */
  readonly longestPauseMs: number;
}
