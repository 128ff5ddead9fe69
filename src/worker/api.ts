/**
 * What a page (or the headless rank) can ask of the training Worker of its tab, and what it is told. Commands and status
 * go by comlink; tensors never do. Data channels are transferred in the task that creates them.
 */

/** Can this device take part? Found without any GPU work: only an adapter is requested. */
export interface DeviceReport {
  readonly ok: boolean;
  /** CapabilityError code when not ok; 'W-SOFTWARE' when it works but is slow. */
  readonly code?: string;
  /** One sentence: what is missing and the way out. */
  readonly sentence?: string;
  /** Vendor, architecture and description as the browser gives them. */
  readonly adapter: string;
  readonly software: boolean;
  /** maxBufferSize in bytes: the largest single buffer. */
  readonly maxBufferBytes: number;
}

export type { Phase, StepMetrics, TabStatus } from '../train/status';
