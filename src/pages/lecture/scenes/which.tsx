/** Scene 7: the plans measured in this room beside the planner's predictions, and the planner for other clusters. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { bytes, rate } from '../../state/format';
import { tokensPerStep } from '../facts/units';
import { fullNameOf, plansOf, type Row, rowsOf } from '../models/choice/ranking';
import { conditionsOf } from '../models/digest';
import { Choice } from '../parts/choice';
import { TableHead } from '../parts/tablehead';
import type { Show } from '../show/show';
import { TRIAL_STEPS, Trials } from '../show/trials';
import { percent, words } from '../words';
import { useAdvice } from './advice';
import type { SceneProps } from './scene';
import { TwoPlans } from './twoplans';
import { WhatIf } from './whatif';

const text = words.which;
const MODES = ['room', 'two', 'if'] as const;
export function WhichScene({ show, look }: SceneProps) {
  const mode = useSignal<(typeof MODES)[number]>('room');
  return (
    <>
      {!show.hidden.value && (
        <div class="picks">
          <Choice
            label={text.about}
            values={MODES}
            value={mode.value}
            nameOf={(one) => text.modes[one]}
            onChange={(one) => (mode.value = one)}
          />
        </div>
      )}
      {mode.value === 'room' && <RoomTable show={show} />}
      {mode.value === 'two' && <TwoPlans show={show} look={look} />}
      {mode.value === 'if' && <WhatIf />}
    </>
  );
}

function RoomTable({ show }: { readonly show: Show }) {
  const adviser = useAdvice(show);
  const trials = useMemo(() => new Trials(show), [show]);
  useEffect(() => () => trials.stop(), [trials]);
  const advice = adviser.advice.value;
  const { run, kind, ranks } = show.moment.value;
  const digests = show.digests.value;
  const conditions = conditionsOf(ranks);
  const rows = useMemo(
    () => (advice && run ? rowsOf(advice, digests, kind, tokensPerStep(run), conditions) : []),
    [advice, digests, kind, run, conditions],
  );
  const plans = trials.plans.value;
  const running = plans?.[trials.at.value];
  return (
    <>
      <div class="which-bar">
        {show.steers.value &&
          (plans ? (
            <button type="button" class="button" onClick={() => trials.stop()}>
              {text.stop}
            </button>
          ) : (
            <button
              type="button"
              class="button button-go"
              disabled={!advice}
              onClick={() => advice && trials.start(plansOf(advice))}
            >
              {text.run}
            </button>
          ))}
        <p role="status">
          {running ? text.trying(fullNameOf(running), trials.at.value + 1, plans.length) : text.steps(TRIAL_STEPS)}
        </p>
        <p class="which-why">
          <b class="kind kind-simulated">{text.best}</b>{' '}
          <span class="predicted">{advice?.why ?? (adviser.refused.value || text.thinking)}</span>
        </p>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard */}
      <section class="which-table" tabIndex={0} aria-label={text.caption}>
        <table>
          <TableHead columns={text.columns} />
          <tbody>
            {rows.map((row) => (
              <TableRow key={JSON.stringify(row.plan)} row={row} isRunning={row.plan === running} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function TableRow({ row, isRunning }: { readonly row: Row; readonly isRunning: boolean }) {
  const cell = (value: number | undefined, print: (value: number) => string) =>
    value === undefined ? '–' : print(value);
  return (
    <tr
      class={[isRunning && 'running', row.isStale && 'stale'].filter(Boolean).join(' ')}
      data-plan={JSON.stringify(row.plan)}
    >
      <th scope="row">
        {row.name}
        {row.isBest && <span class="which-best">{text.best}</span>}
        {row.isStale && <span class="which-slow">{text.stale}</span>}
        {!row.isStale && row.slowedBy && (
          <span class="which-slow" data-slowed={row.slowedBy}>
            {text.slower(text.slowing[row.slowedBy])}
          </span>
        )}
      </th>
      <td data-cell="rate" data-value={row.tokensPerSecond}>
        {cell(row.tokensPerSecond, rate)}
      </td>
      <td data-cell="predicted" data-value={row.predicted} class="predicted">
        {rate(row.predicted)}
      </td>
      <td data-cell="memory" data-value={row.memoryBytes}>
        {cell(row.memoryBytes, bytes)}
      </td>
      <td data-cell="sent" data-value={row.sentBytes}>
        {cell(row.sentBytes, bytes)}
      </td>
      <td data-cell="bubble" data-value={row.bubble}>
        {cell(row.bubble, percent)}
      </td>
      <td data-cell="efficiency" data-value={row.efficiency}>
        {cell(row.efficiency, percent)}
      </td>
    </tr>
  );
}
