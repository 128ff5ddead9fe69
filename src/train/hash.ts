/** SHA-256 as hex: of weights, texts and run files. */
import type { RunFile } from './runfile';

export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes.slice());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Hash, in 12 hex digits, of what two peers must agree on to train together: model, data and train. The plan is left
 * out, because it splits a run and changes no number.
 */
export async function hashRunFile({ model, data, train }: RunFile): Promise<string> {
  const hash = await sha256(new TextEncoder().encode(JSON.stringify(sorted({ model, data, train }))));
  return hash.slice(0, 12);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, field]) => [key, sorted(field)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
