/**
 * A block split over `tp` tabs, one lane per tab. Attention and MLP each split their first matrix by columns and their
 * second by rows. A bar across all lanes is a sum over the tabs; the sum that is under way is highlighted.
 */
import { words } from '../words';

const text = words.tensor;
const W = 1120;
const TOP = 62;
const LANES = 104;
const BAR = 22;

interface Props {
  readonly tp: number;
  readonly heads: number;
  /** Index of the sum that is under way (models/time/blockclock.ts), -1 for none. */
  readonly lit: number;
  /** Name of the block that is followed, '' for any block. */
  readonly block: string;
}

/** Left edge, width, name and split of each part; '' for the core and GELU, which work on a tab's own share. */
const PARTS = [
  { x: 56, width: 128, name: 'Q K V', cut: 'columns' },
  { x: 206, width: 104, name: text.core, cut: '' },
  { x: 332, width: 128, name: 'W out', cut: 'rows' },
  { x: 644, width: 128, name: 'W up', cut: 'columns' },
  { x: 794, width: 104, name: text.gelu, cut: '' },
  { x: 920, width: 128, name: 'W down', cut: 'rows' },
] as const;
/** Horizontal centre of the bar of each sum, by index of the sum. */
const SUMS = [494, 1084, 608, 22];

/** The drawing of attention, then that of the MLP: beside each other, or below where there is no room. */
const HALVES = [0, W / 2] as const;

export function SplitView({ tp, heads, lit, block }: Props) {
  const titles = [`${block && `${block}: `}${text.attention}, ${text.heads(tp, heads)}`, text.mlp];
  return (
    <div class="split-view" role="img" aria-label={text.label(tp)}>
      {HALVES.map((left, half) => (
        <Half key={left} tp={tp} lit={lit} left={left} title={titles[half]!} />
      ))}
    </div>
  );
}

interface HalfProps extends Pick<Props, 'tp' | 'lit'> {
  /** Where this half begins. */
  readonly left: number;
  readonly title: string;
}

function Half({ tp, lit, left, title }: HalfProps) {
  const tabs = Array.from({ length: tp }, (_, tab) => tab);
  const lane = LANES / tp;
  const isHere = (x: number) => x >= left && x < left + W / 2;
  return (
    <svg viewBox={`${left} 0 ${W / 2} 226`} aria-hidden="true">
      <text x={left + W / 4} y={18} class="split-title">
        {title}
      </text>
      {PARTS.filter(({ x }) => isHere(x)).map(({ x, width, name, cut }) => (
        <g key={name}>
          <text x={x + width / 2} y={48} class="split-note">
            {name}
          </text>
          {tabs.map((tab) => (
            <rect
              key={tab}
              class={cut === '' ? 'split-core' : `split-part mark-${tab % 8}`}
              x={x}
              y={TOP + tab * lane + 2}
              width={width}
              height={lane - 4}
              rx={4}
            />
          ))}
          {cut !== '' && (
            <text x={x + width / 2} y={TOP + LANES + 22} class="split-note">
              {text[cut]}
            </text>
          )}
        </g>
      ))}
      {SUMS.map(
        (x, index) =>
          isHere(x) && (
            <g key={x} class={index === lit ? 'split-sum lit' : 'split-sum'}>
              <rect x={x - BAR / 2} y={TOP - 6} width={BAR} height={LANES + 12} rx={6} />
              <text x={Math.min(left + W / 2 - 60, Math.max(left + 60, x))} y={TOP + LANES + 50}>
                {text.sums[index]}
              </text>
            </g>
          ),
      )}
    </svg>
  );
}
