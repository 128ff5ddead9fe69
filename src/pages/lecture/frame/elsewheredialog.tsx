/** The plan that runs, in the words of PyTorch, DeepSpeed and Megatron-LM. Loaded when somebody asks for it. */
import { nameOf } from '../../../plan/why';
import { Dialog } from '../../parts/dialog';
import { elsewhere } from '../models/choice/elsewhere';
import type { Show } from '../show/show';
import { words } from '../words';

interface Props {
  readonly show: Show;
  readonly open: boolean;
  readonly onClose: () => void;
}

export function ElsewhereDialog({ show, open, onClose }: Props) {
  const { plan, run } = show.stage.value;
  return (
    <Dialog open={open && plan !== null} label={words.elsewhere.label} class="elsewhere" onClose={onClose}>
      {/* the button before what may be longer than the screen: the browser scrolls to what has the focus */}
      <header>
        <h2>{words.elsewhere.heading(plan ? nameOf(plan) : '')}</h2>
        <button type="button" class="button" onClick={onClose}>
          {words.close}
        </button>
      </header>
      <div class="elsewhere-columns">
        {plan &&
          run &&
          elsewhere(plan, run.train.globalBatch).map(({ name, command, code, notes }) => (
            <section key={name} aria-label={name}>
              <h3>{name}</h3>
              <pre>
                <code>{[...command, '', ...code].join('\n')}</code>
              </pre>
              {notes.map((note) => (
                <p key={note}>{note}</p>
              ))}
            </section>
          ))}
      </div>
    </Dialog>
  );
}
