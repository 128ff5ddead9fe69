/** Commands on run files: replay one, save the run or trace on screen. The code for them is loaded on first use. */
import { sentenceOf } from '../../../errors';
import type { Show } from './show';

/** Replay `file`, or the run that ships with the site where there is none. */
export async function replay(show: Show, file?: Blob): Promise<void> {
  try {
    const { runOfFile, shippedRun } = await import('../feeds/runs');
    show.recorded.value = file ? await runOfFile(file) : await shippedRun();
    show.panel.value = '';
    show.recut();
  } catch (error) {
    show.problem.value = sentenceOf(error);
  }
}

/** Whether there is a live run to save. */
export const canSave = (show: Show): boolean => show.feed.value.kind === 'live';

/** Save the live run as one file, or a trace for Perfetto: all kept steps of a live run, else the step on screen. */
export async function save(show: Show, what: 'run' | 'trace'): Promise<void> {
  const recorder = show.live.value?.recorder;
  const feed = show.feed.value;
  const { saveRun, saveTrace } = await import('../feeds/runs');
  if (what === 'run' && recorder?.hasRun) await saveRun(recorder);
  const isKept = feed.kind === 'live' && recorder !== undefined;
  if (what === 'trace') saveTrace(isKept ? recorder.events : feed.traceOf(feed.newestStep.value), feed.run.value);
}
