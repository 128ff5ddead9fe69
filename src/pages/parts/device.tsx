/**
 * Tells whether this device can take part: yes, with its adapter and memory, or no, with a code, the reason and a fix.
 */
import { messages } from '../messages';
import { bytes } from '../state/format';
import type { DeviceReport } from '../tab';

const words = messages.device;

interface Props {
  /** Null until the browser has answered. */
  readonly report: DeviceReport | null;
  readonly onCopied: (sentence: string) => void;
  readonly onProblem: (sentence: string) => void;
}

export function DeviceCard({ report, onCopied, onProblem }: Props) {
  const kind = !report ? 'asking' : !report.ok ? 'no' : report.software ? 'slow' : 'yes';
  return (
    <section class={`device device-${kind}`} translate={false} aria-labelledby="device-heading">
      <h2 id="device-heading">{words.heading}</h2>
      <div aria-live="polite">
        {!report && <p>{words.asking}</p>}
        {report?.ok && <Ready report={report} />}
        {report && !report.ok && <Refused report={report} onCopied={onCopied} onProblem={onProblem} />}
      </div>
    </section>
  );
}

function Ready({ report }: { readonly report: DeviceReport }) {
  // Chromium only, and rounded down to at most 8 by the browser.
  const memory = (navigator as Navigator & { deviceMemory?: number }).deviceMemory;
  return (
    <>
      <p class="device-answer">
        <span class="mark" aria-hidden="true" />
        {report.software ? words.slow : words.ready}
        {report.code && <code>{report.code}</code>}
      </p>
      {report.software && <p class="note">{report.sentence ?? words.software}</p>}
      <dl class="pairs">
        <dt>{words.adapter}</dt>
        <dd>{report.adapter}</dd>
        <dt>{words.buffer}</dt>
        <dd>{bytes(report.maxBufferBytes)}</dd>
        {memory !== undefined && (
          <>
            <dt>{words.memory}</dt>
            <dd>{words.memoryOf(memory)}</dd>
          </>
        )}
      </dl>
      <a class="note" href="./chip.html">
        {words.measure}
      </a>
    </>
  );
}

function Refused({ report, onCopied, onProblem }: Props & { readonly report: DeviceReport }) {
  const copy = async () => {
    const facts = { ...report, secure: isSecureContext, webgpu: 'gpu' in navigator, browser: navigator.userAgent };
    try {
      await navigator.clipboard.writeText(JSON.stringify(facts, null, 2));
      onCopied(words.copied);
    } catch {
      onProblem(messages.share.copyFailed);
    }
  };
  return (
    <>
      <p class="device-answer">
        <span class="mark" aria-hidden="true" />
        {words.no} <code>{report.code}</code>
      </p>
      <p>{report.sentence}</p>
      {isSecureContext && (
        <button type="button" class="button button-quiet" onClick={() => void copy()}>
          {words.copy}
        </button>
      )}
    </>
  );
}
