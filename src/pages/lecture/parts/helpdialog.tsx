/** The keys of the lecture. */
import { Dialog } from '../../parts/dialog';
import { words } from '../words';

interface Props {
  readonly open: boolean;
  readonly onClose: () => void;
}

export function HelpDialog({ open, onClose }: Props) {
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
      <button type="button" class="button" onClick={onClose}>
        {words.close}
      </button>
    </Dialog>
  );
}
