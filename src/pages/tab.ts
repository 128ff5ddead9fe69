/**
 * The interface between the pages and the tab that they drive: the types of the worker API in one place, and the type
 * of the function that opens a tab. The tab's code (and simple-peer with it) is loaded after the first screen is
 * painted.
 */

import type { StepMetrics } from '../worker/api';

export type { RoomQuestion, Vote } from '../net/signaling/question';
export type { Presence } from '../net/signaling/signaling';
export type { PeerId } from '../plan/mesh';
export {
  type DeviceReport,
  IDLE,
  type LinkStats,
  type MemoryByRole,
  type Phase,
  type RunFile,
  type StepMetrics,
  type TabStatus,
} from '../worker/api';
export type { KeptRun, ModelFiles, OpenTab, Tab, TabOptions, TrainOptions } from '../worker/client';
export type LossPoint = Pick<StepMetrics, 'step' | 'loss' | 'heldOutLoss'>;
