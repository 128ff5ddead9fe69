/** Runs as files, as a person asks for them: replay one, save what is on screen. Loads what that needs when it is asked for. */
import { sentenceOf } from '../../../errors';
import type { Show } from './show';

/** Replay the person's `file`, else the run that ships with the site. */
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

/** A live run is there to be saved. */
export const canSave = (show: Show): boolean => show.feed.value.kind === 'live';

/** Save the live run as one file, or the trace of the step on screen (all steps kept, of a live run) for Perfetto. */
export async function save(show: Show, what: 'run' | 'trace'): Promise<void> {
  const recorder = show.live.value?.recorder;
  const feed = show.feed.value;
  const { saveRun, saveTrace } = await import('../feeds/runs');
  if (what === 'run' && recorder?.hasRun) await saveRun(recorder);
  const isKept = feed.kind === 'live' && recorder !== undefined;
  if (what === 'trace') saveTrace(isKept ? recorder.events : feed.traceOf(feed.newestStep.value), feed.run.value);
}
