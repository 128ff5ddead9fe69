/** Scene 7: every plan tried on this room beside the planner's prediction; and the planner for what is not in the room. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { deviceOfSpeed } from '../../../plan/planner';
import { nameOf } from '../../../plan/why';
import { bytes, rate } from '../../state/format';
import type { Adviser } from '../adviser';
import { calibrate } from '../models/calibrate';
import { plansOf, type Row, reasonOf, rowsOf } from '../models/ranking';
import { shapeOf, sizesOf, tokensPerStep } from '../models/units';
import { Choice } from '../parts/choice';
import { TableHead } from '../parts/tablehead';
import { WhatIf } from '../parts/whatif';
import type { Show } from '../show';
import { TRIAL_STEPS, Trials } from '../trials';
import { percent, words } from '../words';
import type { SceneProps } from './scene';

const text = words.which;
const MODES = ['room', 'if'] as const;
/** A tab that has not told how much it can hold: enough for what the room runs already. */
const ROOM_MEMORY_BYTES = 4e9;

export function WhichScene({ show }: SceneProps) {
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
      {mode.value === 'room' ? <RoomTable show={show} /> : <WhatIf />}
    </>
  );
}

/**
 * Asks the planner about the room as it was measured when the scene was first opened, and again when the run or the tabs
 * change: plans measured since then stay comparable with what was predicted.
 */
function useAdvice(show: Show): Adviser {
  const { run, events } = show.moment.value;
  const { kind } = show.feed.value;
  const { machines } = show;
  const where = JSON.stringify(machines);
  const isKnown = events.length > 0;
  useEffect(() => {
    const known = calibrate(show.moment.peek());
    if (!run || !known || machines.length === 0) return;
    const device = deviceOfSpeed(sizesOf(run), known.flopsPerMs, ROOM_MEMORY_BYTES);
    show.adviser.askOnce(`${kind} ${where} ${JSON.stringify({ ...run, plan: null })}`, {
      workload: { model: shapeOf(run), globalBatch: run.train.globalBatch },
      devices: machines.map((machine) => ({ ...device, ...(machine && { machine }) })),
      links: known.links,
    });
  }, [run, where, kind, isKnown, show]);
  return show.adviser;
}

function RoomTable({ show }: { readonly show: Show }) {
  const adviser = useAdvice(show);
  const trials = useMemo(() => new Trials(show), [show]);
  useEffect(() => () => trials.stop(), [trials]);
  const advice = adviser.advice.value;
  const { run, kind } = show.moment.value;
  const digests = show.digests.value;
  const rows = useMemo(
    () => (advice && run ? rowsOf(advice, digests, kind, tokensPerStep(run)) : []),
    [advice, digests, kind, run],
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
          {running ? text.trying(nameOf(running), trials.at.value + 1, plans.length) : text.steps(TRIAL_STEPS)}
        </p>
        <p class="which-why">
          <b>{text.best}:</b> {advice?.why ?? (adviser.refused.value || text.thinking)}
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
    <tr class={isRunning ? 'running' : ''} data-plan={JSON.stringify(row.plan)}>
      <th scope="row">
        {row.name}
        {row.isBest && <span class="which-best">{text.best}</span>}
        {row.isSlower && <span class="which-slow">{text.slower(reasonOf(row))}</span>}
      </th>
      <td data-cell="rate" data-value={row.tokensPerSecond}>
        {cell(row.tokensPerSecond, rate)}
      </td>
      <td data-cell="predicted" data-value={row.predicted} class="muted">
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
