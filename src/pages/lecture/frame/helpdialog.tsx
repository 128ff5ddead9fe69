/** The help dialog: the keys of the lecture, and run files. */
import { Dialog } from '../../parts/dialog';
import type { Show } from '../show/show';
import { words } from '../words';
import { Runs } from './runfiles';

interface Props {
  readonly show: Show;
  readonly open: boolean;
  readonly onClose: () => void;
}

export function HelpDialog({ show, open, onClose }: Props) {
  return (
    <Dialog open={open} label={words.help} class="help" onClose={onClose}>
      <dl>
        {words.helpRows.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <Runs show={show} />
      <button type="button" class="button" onClick={onClose}>
        {words.close}
      </button>
    </Dialog>
  );
}
