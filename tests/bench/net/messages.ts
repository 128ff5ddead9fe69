/** What the bench page asks of its Worker. Channels travel in the task that creates them. */
export type Command =
  | { readonly do: 'link'; readonly peer: string; readonly bulk: RTCDataChannel; readonly control: RTCDataChannel }
  | { readonly do: 'rawLink'; readonly peer: string; readonly bulk: RTCDataChannel }
  | {
      readonly do: 'raw';
      readonly id: number;
      readonly left: string;
      readonly right: string;
      readonly sizeBytes: number;
    }
  | {
      readonly do: 'allReduce';
      readonly id: number;
      readonly peers: readonly string[];
      readonly rank: number;
      readonly sizeBytes: number;
      readonly form: 'ring' | 'direct';
    };

export interface Answer {
  readonly id: number;
  readonly value?: number;
  readonly error?: string;
}
