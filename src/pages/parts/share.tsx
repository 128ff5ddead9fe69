/** The ways to add more tabs: another tab of this browser, the link, its QR code (also by the key Q). */
import { useState } from 'preact/hooks';
import { messages } from '../messages';
import { Dialog } from './dialog';
import { useKeys } from './keys';
import { useLoaded } from './loaded';

interface Props {
  readonly link: string;
  /** Called with a sentence when something did not work. */
  readonly onProblem: (sentence: string) => void;
  readonly onDone: (sentence: string) => void;
}

const words = messages.share;
const loadQr = () => import('./qr');

export function Share({ link, onProblem, onDone }: Props) {
  const [showsQr, setShowsQr] = useState(false);
  const qr = useLoaded(showsQr, loadQr, onProblem);
  useKeys((key) => {
    if (key.toLowerCase() !== 'q') return false;
    setShowsQr((shown) => !shown);
    return true;
  }, link);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      onDone(words.copied);
    } catch {
      onProblem(words.copyFailed);
    }
  };

  return (
    <div class="share">
      {/* why a link with noopener: the new tab then has a process, and so a processor core, of its own */}
      <a class="button" href={link} target="_blank" rel="noopener">
        {words.open}
      </a>
      <button type="button" class="button" onClick={() => void copy()}>
        {words.copy}
      </button>
      <button type="button" class="button" aria-keyshortcuts="q" onClick={() => setShowsQr(true)}>
        {words.qr} <kbd>Q</kbd>
      </button>
      <Dialog open={showsQr} label={words.qrLabel} class="qr-dialog" onClose={() => setShowsQr(false)}>
        {qr && <qr.QrCode text={link} label={words.qrLabel} />}
        <p class="qr-link">{link}</p>
        <p class="note">{isLoopback(link) ? words.onlyHere : words.note}</p>
        <button type="button" class="button" onClick={() => setShowsQr(false)}>
          {words.close}
        </button>
      </Dialog>
    </div>
  );
}

/** The link points to the machine that opens it, so it works for nobody else. */
function isLoopback(link: string): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(link).hostname);
}
