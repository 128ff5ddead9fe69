/** A block's two matrix products over `tp` tabs: columns of the first, rows of the second, the partial results added. */
import { words } from '../words';

const text = words.tensor;
const W = 820;
const H = 400;
const SIDE = 130;

export function SplitView({ tp }: { readonly tp: number }) {
  const tabs = Array.from({ length: tp }, (_, i) => i);
  const wide = 200;
  const part = wide / tp;
  const top = 70;
  return (
    <svg class="split-view" viewBox={`0 0 ${W} ${H}`} role="img" aria-label={text.label(tp)}>
      <Matrix x={0} y={top} width={90} height={SIDE} label="X" />
      <Sign x={112} y={top + SIDE / 2} text="·" />
      {tabs.map((tab) => (
        <Matrix
          key={tab}
          x={134 + tab * part}
          y={top}
          width={part}
          height={SIDE}
          tab={tab}
          label={tp <= 4 ? `A${tab}` : ''}
        />
      ))}
      <text x={134 + wide / 2} y={top + SIDE + 26} class="split-note">
        {text.columns}
      </text>
      <Sign x={358} y={top + SIDE / 2} text="→" />
      {tabs.map((tab) => (
        <Matrix
          key={tab}
          x={382 + tab * part}
          y={top}
          width={part}
          height={SIDE}
          tab={tab}
          label={tp <= 4 ? `Y${tab}` : ''}
        />
      ))}
      <Sign x={606} y={top + SIDE / 2} text="·" />
      {tabs.map((tab) => (
        <Matrix
          key={tab}
          x={628}
          y={top + (SIDE * tab) / tp}
          width={90}
          height={SIDE / tp}
          tab={tab}
          label={tp <= 4 ? `B${tab}` : ''}
        />
      ))}
      <text x={673} y={top + SIDE + 26} class="split-note">
        {text.rows}
      </text>
      <text x={0} y={34} class="split-title">
        {text.split(tp)}
      </text>
      {tabs.map((tab) => {
        const step = Math.min(150, 560 / tp);
        const x = 60 + tab * step;
        return (
          <g key={tab}>
            <Matrix
              x={x}
              y={276}
              width={Math.min(78, step - 34)}
              height={78}
              tab={tab}
              label={tp <= 4 ? `Y${tab}·B${tab}` : ''}
            />
            <Sign x={x + (Math.min(78, step - 34) + step) / 2} y={315} text={tab === tp - 1 ? '=' : '+'} />
          </g>
        );
      })}
      <Matrix x={60 + tp * Math.min(150, 560 / tp)} y={276} width={90} height={78} label="Z" />
      <text x={60} y={384} class="split-note start">
        {text.sum}
      </text>
    </svg>
  );
}

interface MatrixProps {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly label: string;
  /** Whose part it is; everybody has the whole where it is left out. */
  readonly tab?: number;
}

function Matrix({ x, y, width, height, label, tab }: MatrixProps) {
  const kind = tab === undefined ? 'matrix whole' : `matrix mark-${tab % 8}`;
  return (
    <g class={kind}>
      <rect x={x + 1.5} y={y + 1.5} width={width - 3} height={height - 3} rx={3} />
      <text x={x + width / 2} y={y + height / 2}>
        {label}
      </text>
    </g>
  );
}

function Sign({ x, y, text: sign }: { readonly x: number; readonly y: number; readonly text: string }) {
  return (
    <text x={x} y={y} class="split-sign">
      {sign}
    </text>
  );
}
