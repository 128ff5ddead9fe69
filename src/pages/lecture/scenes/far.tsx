/**
 * Scene 9: tabs that exchange every step (DDP) beside tabs that train apart and exchange seldom (DiLoCo), on one clock;
 * what each sends, the formats of the wire with their error, and the loss of the run over steps and over seconds.
 */
import { useMemo, useRef } from 'preact/hooks';
import type { ParallelPlan } from '../../../plan/plan';
import { nameOf } from '../../../plan/why';
import { WIRES } from '../../../plan/wire';
import { bytes, milliseconds, rate } from '../../state/format';
import type { StagedMoment } from '../facts/moment';
import { tokensPerStep } from '../facts/units';
import { expectedFar, type FarFigures, measuredFar } from '../models/choice/far';
import { factsOf, farOf, farWire } from '../models/choice/plans';
import { wireFacts } from '../models/cut/wires';
import { conditionsOf, cutOf } from '../models/digest';
import { type ApartClock, apartClock } from '../models/time/apart';
import { Choice } from '../parts/choice';
import { TableHead } from '../parts/tablehead';
import { ApartView } from '../pictures/apartview';
import { LossBytesView } from '../pictures/lossbytesview';
import { percent, words } from '../words';
import type { SceneProps } from './scene';

const text = words.far;
const EVERY = [0, 5, 10, 50];
const MBIT = [0, 100, 20, 5];
/** DiLoCo's turn that stands beside DDP while DDP runs. */
const BESIDE = 10;
/** Steps that the loss curves show. */
const NEWEST = 200;

interface Side {
  readonly plan: ParallelPlan;
  readonly clock: ApartClock;
  readonly figures: FarFigures;
  readonly isMeasured: boolean;
}

export function FarScene({ show, look }: SceneProps) {
  const moment = show.stage.value;
  const { every } = show.picks.value;
  const wire = farWire(show.picks.value);
  const { run, ranks, kind, metrics } = moment;
  const turn = every || BESIDE;
  const sides = useSides(show, moment, turn);
  const wires = useMemo(wireFacts, []);
  const newest = useMemo(() => metrics.slice(-NEWEST), [metrics]);
  if (ranks.length < 2 || !run) return <p class="soon">{ranks.length < 2 ? text.alone : words.noStep}</p>;
  const names = sides.map(({ plan }) => nameOf(plan));
  return (
    <>
      {show.steers.value && (
        <div class="picks">
          <Choice
            label={text.every}
            values={EVERY}
            value={every}
            nameOf={text.everyOf}
            onChange={(one) => show.pick({ every: one })}
          />
          <Choice
            label={text.wire}
            values={every > 0 ? WIRES : WIRES.filter((one) => one !== 'int4')}
            value={wire}
            nameOf={(one) => one}
            onChange={(one) => show.pick({ wire: one })}
          />
          <Choice
            label={text.rate}
            values={MBIT}
            value={ranks[0]?.handicap.mbitPerSecond ?? 0}
            nameOf={(mbit) => (mbit === 0 ? text.off : `${mbit}`)}
            onChange={(mbitPerSecond) => show.handicapAll({ mbitPerSecond })}
          />
        </div>
      )}
      <div class="split-side wide-side">
        <div class="column">
          <p class="key-line">
            <span class="predicted">{text.clock(turn)}</span>
            {(['compute', 'reduce', 'outer', 'wait'] as const).map((part) => (
              <span key={part}>
                <i class={`swatch apart-${part}`} aria-hidden="true" />
                {text.legend[part]}
              </span>
            ))}
          </p>
          <div class="apart-place">
            <ApartView
              frames={show.frames}
              look={look}
              tracks={sides.map(({ clock }, i) => ({ title: text.took(names[i]!, milliseconds(clock.spanMs)), clock }))}
              label={text.label(turn, names)}
            />
          </div>
          {kind === 'simulated' ? (
            <p class="muted">{text.lossNone}</p>
          ) : (
            <div class="far-losses">
              {(['steps', 'seconds'] as const).map((over) => (
                <figure key={over}>
                  <figcaption>{over === 'steps' ? text.lossSteps : text.lossSeconds}</figcaption>
                  <LossBytesView
                    frames={show.frames}
                    look={look}
                    metrics={newest}
                    over={over}
                    label={over === 'steps' ? text.lossSteps : text.lossSeconds}
                  />
                </figure>
              ))}
            </div>
          )}
        </div>
        <div class="column">
          <table class="far-table">
            <TableHead columns={text.columns} />
            <tbody>
              {sides.map((side, i) => (
                <SideRow key={i} side={side} name={i === 0 ? 'ddp' : 'diloco'} />
              ))}
            </tbody>
          </table>
          <p class="muted">{text.formula(turn)}</p>
          <table class="far-table">
            <TableHead columns={text.wires} />
            <tbody>
              {wires.map((one) => (
                <tr key={one.wire} class={one.wire === wire ? 'running' : ''}>
                  <th scope="row">{one.wire}</th>
                  <td data-figure={`wire-${one.wire}-bytes`} data-value={one.bytesPerNumber}>
                    {one.bytesPerNumber.toFixed(2)}
                  </td>
                  <td data-figure={`wire-${one.wire}-error`} data-value={one.error}>
                    {one.error === 0 ? '0' : one.error < 0.001 ? one.error.toExponential(0) : percent(one.error)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="muted">
            {text.error} {text.approximate}
          </p>
        </div>
      </div>
    </>
  );
}

function SideRow({ side: { plan, figures, isMeasured }, name }: { readonly side: Side; readonly name: string }) {
  const { stepMs, sentBytes, tokensPerSecond } = figures;
  const cell = (what: string, value: number, print: (value: number) => string) => (
    <td class={isMeasured ? '' : 'predicted'} data-figure={`far-${name}-${what}`} data-value={value}>
      {print(value)}
    </td>
  );
  return (
    <tr>
      <th scope="row">{plan.outer ? text.diloco : text.ddp}</th>
      {cell('step', stepMs, milliseconds)}
      {cell('sent', sentBytes, bytes)}
      {cell('rate', tokensPerSecond, rate)}
    </tr>
  );
}

/** DDP and DiLoCo with the chosen wire; figures that were measured in this visit of the scene replace expected ones. */
function useSides(show: SceneProps['show'], moment: StagedMoment, turn: number): readonly Side[] {
  const { wire } = show.picks.value;
  const { run, ranks, plan: running, metrics, alikeSince, kind } = moment;
  const measured = useRef(new Map<string, FarFigures>());
  const conditions = conditionsOf(ranks);
  const size = Math.max(2, ranks.length);
  const plans = useMemo(() => {
    if (!run) return [];
    const facts = factsOf(run, size);
    return [farOf({ every: 0, wire }, facts), farOf({ every: turn, wire }, facts)];
  }, [run, size, wire, turn]);
  const clocks = useMemo(
    () =>
      plans.flatMap((plan) => {
        const events = show.imagine(plan, {}, turn)?.events;
        return events ? [{ plan, clock: apartClock(events, 0, turn) }] : [];
      }),
    [plans, turn, conditions, show],
  );
  if (!run) return [];
  const tokens = tokensPerStep(run);
  const keyOf = (plan: ParallelPlan) => `${conditions} ${cutOf(plan)}`;
  const newest = kind === 'simulated' || !running ? undefined : measuredFar(metrics, alikeSince, running, tokens);
  if (newest) measured.current.set(keyOf(running!), newest);
  return clocks.map(({ plan, clock }) => {
    const found = measured.current.get(keyOf(plan));
    return { plan, clock, figures: found ?? expectedFar(clock, clock.spanMs, tokens), isMeasured: found !== undefined };
  });
}
