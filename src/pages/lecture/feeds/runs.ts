/** Run files on the lecture page: load the one that ships with the site or the person's own; save the run on screen. */
import { InputError } from '../../../errors';
import { toChromeTrace } from '../../../trace/export';
import type { TraceEvent } from '../../../trace/trace';
import type { RunFile } from '../../tab';
import { RecordedFeed } from './recordedfeed';
import type { Recorder } from './recorder';
import { readRecording } from './recording';

const SHIPPED = './recorded/lesson.tabtrain';

async function fetched(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(path, location.href)).catch((error: Error) => error);
  if (!(response instanceof Error) && response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new InputError(`${path} could not be loaded: is this page's server still running?`);
}

/** Load the run that ships with the site. Throws InputError. */
export async function shippedRun(): Promise<RecordedFeed> {
  return new RecordedFeed(await readRecording(await fetched(SHIPPED)));
}

/** Read a run from the person's file. Throws InputError. */
export async function runOfFile(file: Blob): Promise<RecordedFeed> {
  return new RecordedFeed(await readRecording(new Uint8Array(await file.arrayBuffer())));
}

/** Save the steps that the recorder has kept of a live room as one file. */
export async function saveRun(recorder: Recorder): Promise<void> {
  const isBuiltIn = (source: string) => source === 'moby-dick' || source === 'names';
  const bytes = await recorder.file(async (source) => (isBuiltIn(source) ? fetched(`./texts/${source}.txt`) : null));
  download('run.tabtrain', new Blob([bytes]));
}

/** Save events as a trace file for Perfetto. */
export function saveTrace(events: readonly TraceEvent[], run: RunFile | null): void {
  const blocks = Array.from({ length: run?.model.layers ?? 0 }, (_, index) => `block${index}`);
  const trace = toChromeTrace(events, ['embed', ...blocks, 'head']);
  download('trace.json', new Blob([JSON.stringify(trace)], { type: 'application/json' }));
}

function download(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // why later: the browser reads the blob after the click
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
