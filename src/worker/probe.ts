/** Tells whether this device can take part. A tab's Worker can do only this before its engine is loaded. */
import { CapabilityError } from '../errors';
import { probe } from '../gpu/device';
import type { DeviceReport } from './api';

/** Requests an adapter; no GPU work. The report says what is missing and how to fix it. */
export async function probeDevice(gpu: GPU | undefined): Promise<DeviceReport> {
  try {
    const report = await probe(gpu);
    if (!report.software) return { ok: true, ...report };
    const sentence = 'There is no graphics adapter, so the processor computes: it trains, slowly.';
    return { ok: true, ...report, code: 'W-SOFTWARE', sentence };
  } catch (error) {
    if (!(error instanceof CapabilityError)) throw error;
    return { ok: false, code: error.code, sentence: error.message, adapter: '', software: false, maxBufferBytes: 0 };
  }
}
