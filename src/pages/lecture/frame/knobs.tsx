/** The knobs dialog: slow down one tab or all (computing, latency, link rate), or drop a tab. */
import { Dialog } from '../../parts/dialog';
import type { Handicap, RankView } from '../facts/feed';
import { Choice } from '../parts/choice';
import type { Show } from '../show/show';
import { words } from '../words';

const text = words.knobsPanel;
const UNIT_MS = [0, 2, 5, 10];
const LATENCY_MS = [0, 20, 50, 100, 200];
const MBIT = [0, 100, 20, 5];
const TABS = [1, 2, 3, 4, 6, 8];

interface Props {
  readonly show: Show;
  readonly open: boolean;
  readonly onClose: () => void;
}

export function KnobsDialog({ show, open, onClose }: Props) {
  const { kind, ranks } = show.feed.value;
  return (
    <Dialog open={open} label={words.knobs} class="knobs" onClose={onClose}>
      <h2>{words.knobs}</h2>
      <p class="note">{kind === 'simulated' ? text.noteSimulated : text.note}</p>
      {kind === 'simulated' && (
        <Choice
          label={text.tabs}
          values={TABS}
          value={show.tabs.value}
          nameOf={(tabs) => `${tabs}`}
          onChange={(tabs) => show.setTabs(tabs)}
        />
      )}
      <ul>
        <Row name={text.all} handicap={commonOf(ranks.value)} onChange={(change) => show.handicapAll(change)} />
        {ranks.value.map(({ rank, peer, name, handicap }) => (
          <Row
            key={peer}
            name={kind === 'live' ? `${words.tab(rank)}, ${name}` : words.tab(rank)}
            handicap={handicap}
            onChange={(change) => show.handicap(peer, change)}
            {...(kind === 'live' && { onDrop: () => show.live.value?.commands.drop(peer) })}
          />
        ))}
      </ul>
      <button type="button" class="button" onClick={onClose}>
        {words.close}
      </button>
    </Dialog>
  );
}

/** The common handicap of all tabs, field by field; -1 where they differ, a value without a button. */
function commonOf(ranks: readonly RankView[]): Handicap {
  const common = (field: 'unitMs' | 'latencyMs' | 'mbitPerSecond') => {
    const values = new Set(ranks.map(({ handicap }) => handicap[field]));
    return values.size === 1 ? [...values][0]! : -1;
  };
  return { unitMs: common('unitMs'), latencyMs: common('latencyMs'), mbitPerSecond: common('mbitPerSecond') };
}

interface RowProps {
  readonly name: string;
  readonly handicap: Handicap;
  readonly onChange: (change: Partial<Handicap>) => void;
  readonly onDrop?: () => void;
}

function Row({ name, handicap, onChange, onDrop }: RowProps) {
  const off = (word: (value: number) => string) => (value: number) => (value === 0 ? text.off : word(value));
  return (
    <li>
      <b>{name}</b>
      <Choice
        label={text.slow}
        values={UNIT_MS}
        value={handicap.unitMs}
        nameOf={off(text.ms)}
        onChange={(unitMs) => onChange({ unitMs })}
      />
      <Choice
        label={text.latency}
        values={LATENCY_MS}
        value={handicap.latencyMs}
        nameOf={off(text.ms)}
        onChange={(latencyMs) => onChange({ latencyMs })}
      />
      <Choice
        label={text.rate}
        values={MBIT}
        value={handicap.mbitPerSecond}
        nameOf={off(text.mbit)}
        onChange={(mbitPerSecond) => onChange({ mbitPerSecond })}
      />
      {onDrop && (
        <button type="button" class="button button-quiet" title={text.dropNote} onClick={onDrop}>
          {text.drop}
        </button>
      )}
    </li>
  );
}
