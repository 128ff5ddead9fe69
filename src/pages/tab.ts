/**
 * The interface between the pages and the tab that they drive: the types of the worker API in one place, and the type
 * of the function that opens a tab. The tab's code (and simple-peer with it) is loaded after the first screen is
 * painted.
 */

import type { StepMetrics, TabStatus } from '../worker/api';
import type { Tab } from '../worker/client';

export type { Presence } from '../net/signaling/signaling';
export type { PeerId } from '../plan/mesh';
export { type DeviceReport, IDLE, type Phase, type StepMetrics, type TabStatus } from '../worker/api';
export type { KeptRun, ModelFiles, OpenTab, Tab, TabOptions, TrainOptions } from '../worker/client';
export type RunFile = NonNullable<Parameters<Tab['train']>[0]>;
export type LinkStats = TabStatus['links'][number];
export type MemoryByRole = NonNullable<TabStatus['memory']>;
export type LossPoint = Pick<StepMetrics, 'step' | 'loss' | 'heldOutLoss'>;
