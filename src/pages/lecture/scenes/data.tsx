/** Scene 2: one all-reduce of this run on its ring, in slow motion or round by round, with overlap on or off. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { statsOf } from '../../../trace/stats';
import { bytes, duration, milliseconds } from '../../state/format';
import { type Moment, rankFinder } from '../facts/moment';
import { tokensPerStep } from '../facts/units';
import { followedIn } from '../models/cut/followed';
import { conditionsOf, keyOf } from '../models/digest';
import { lanesOf } from '../models/time/lanes';
import { linkLoads, sentBytes } from '../models/traffic/links';
import { type RingRun, ringRuns, sentAfter } from '../models/traffic/ring';
import { asMeasured, byRounds } from '../models/traffic/ringtime';
import { partsOf, segmentsOf } from '../models/traffic/segments';
import { Choice } from '../parts/choice';
import { LanesView } from '../pictures/lanesview';
import { RingView } from '../pictures/ringview';
import type { Show } from '../show/show';
import { percent, words } from '../words';
import type { SceneProps } from './scene';

const text = words.data;
const SLOW_ROUND_MS = 1600;
const STEP_MS = 900;
const LANES = [text.lanes.compute, text.lanes.net] as const;

/** The all-reduce of the followed unit, else of the largest array in a moment; undefined where there is none. */
function ringOf(moment: Moment, follow: string): RingRun | undefined {
  const runs = ringRuns(moment.events, rankFinder(moment.ranks)).filter(({ line }) => line.startsWith('REDUCE'));
  const own = follow && runs.find(({ line }) => line === `REDUCE ${follow}`);
  if (own) return own;
  return runs.reduce<RingRun | undefined>(
    (best, run) => (run.arrayBytes > (best?.arrayBytes ?? 0) ? run : best),
    undefined,
  );
}

/** A clock in rounds that plays, advances one round, or stands. The all-reduce shown is fixed until it is back at 0. */
function useClock(show: Show, moment: Moment) {
  const at = useSignal(0);
  const goal = useSignal(0);
  const mode = useSignal<'rounds' | 'slow'>('rounds');
  const kept = useSignal<RingRun | undefined>(undefined);
  const { follow } = show.picks.value;
  const newest = useMemo(() => ringOf(moment, follow), [moment, follow]);
  const isMoving = goal.value !== at.value;
  const run = at.value > 0 || isMoving ? (kept.value ?? newest) : newest;

  useEffect(() => {
    if (!isMoving) return;
    let last = performance.now();
    let stopped = false;
    const tick = () => {
      if (stopped) return;
      const now = performance.now();
      const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
      const perRound = mode.value === 'slow' ? SLOW_ROUND_MS : STEP_MS;
      const by = still ? Number.POSITIVE_INFINITY : (now - last) / perRound;
      last = now;
      const left = goal.value - at.value;
      at.value += Math.sign(left) * Math.min(Math.abs(left), by);
      if (at.value !== goal.value) show.frames.request(tick);
    };
    show.frames.request(tick);
    return () => {
      stopped = true;
    };
  }, [isMoving, show, at, goal, mode]);

  const go = (how: 'rounds' | 'slow', to: number) => {
    kept.value = run;
    mode.value = how;
    goal.value = to;
  };
  return { run, at: at.value, isMoving, mode: mode.value, go, restart: () => (at.value = 0) };
}

export function DataScene({ show, look }: SceneProps) {
  const moment = show.stage.value;
  const clock = useClock(show, moment);
  const { run, at, isMoving, go } = clock;
  const flights = useMemo(() => (run ? (clock.mode === 'slow' ? asMeasured : byRounds)(run) : []), [run, clock.mode]);
  const lanes = useMemo(() => lanesOf(moment.events, 0), [moment]);
  const overlap = useMemo(
    () => (moment.run && moment.step >= 0 ? statsOf(moment.events, tokensPerStep(moment.run)).overlap : null),
    [moment],
  );
  const isAlone = moment.ranks.length < 2;
  return (
    <>
      {!show.hidden.value && (
        <div class="picks">
          <button
            type="button"
            class="button"
            disabled={!run}
            onClick={() => {
              if (isMoving) go('slow', at);
              else {
                clock.restart();
                go('slow', run!.rounds);
              }
            }}
          >
            {isMoving && clock.mode === 'slow' ? text.stop : text.play}
          </button>
          <button
            type="button"
            class="button"
            disabled={!run || at <= 0}
            onClick={() => go('rounds', Math.max(0, Math.ceil(at) - 1))}
          >
            {text.back}
          </button>
          <button
            type="button"
            class="button"
            disabled={!run || at >= run.rounds}
            onClick={() => go('rounds', Math.min(run!.rounds, Math.floor(at) + 1))}
          >
            {text.next}
          </button>
          {show.steers.value && (
            <Choice
              label={text.overlap}
              values={[text.on, text.off]}
              value={show.picks.value.overlap ? text.on : text.off}
              nameOf={(value) => value}
              onChange={(value) => show.pick({ overlap: value === text.on })}
            />
          )}
        </div>
      )}
      <div class="split-side wide-side">
        <div class="column">
          <div class="ring-place">
            {run ? (
              <RingView
                frames={show.frames}
                look={look}
                run={run}
                flights={flights}
                at={at}
                label={text.ring(run.members.length, roundOf(run, at))}
              />
            ) : (
              <p class="soon">{isAlone ? text.alone : moment.step < 0 ? words.noStep : text.noRing}</p>
            )}
          </div>
          <div class="lanes-place">
            <LanesView
              frames={show.frames}
              look={look}
              bars={lanes}
              names={LANES}
              lit={followedIn(moment.run, show.picks.value.follow)?.unit}
              label={text.lanesLabel(words.tab(0))}
            />
          </div>
        </div>
        <Figures show={show} moment={moment} run={run} at={at} overlap={overlap} />
      </div>
    </>
  );
}

interface FigureProps {
  readonly show: Show;
  readonly moment: Moment;
  readonly run: RingRun | undefined;
  readonly at: number;
  readonly overlap: number | null;
}

function Figures({ show, moment, run, at, overlap }: FigureProps) {
  const rankOf = useMemo(() => rankFinder(moment.ranks), [moment]);
  const sent = useMemo(() => sentBytes(linkLoads(moment.events, rankOf), 0).dp, [moment, rankOf]);
  const exposed = useMemo(() => partsOf(segmentsOf(moment.events, moment.ranks.length, rankOf)).dp, [moment, rankOf]);
  const size = run?.members.length ?? 0;
  const most = run && Math.max(...run.sentBytes);
  const formula = run && ((2 * (size - 1)) / size) * run.arrayBytes;
  const isAlone = moment.ranks.length < 2;
  return (
    <dl class="side side-pairs">
      <div>
        <dt>{run ? `${text.line} ${run.line.replace('REDUCE ', '')}` : text.line}</dt>
        <dd data-figure="round" data-value={run ? Math.min(run.rounds, Math.floor(at)) : undefined} class="side-text">
          {run ? roundOf(run, at) : '–'}
        </dd>
        {run &&
          (at > 0 ? (
            <dd class="side-note" data-figure="so-far" data-value={sentAfter(run, at)}>
              {text.soFar(bytes(sentAfter(run, at)))}
            </dd>
          ) : (
            <dd class="side-note" data-figure="took" data-value={run.t1 - run.t0}>
              {text.took(milliseconds(run.t1 - run.t0))}
            </dd>
          ))}
      </div>
      <div class="side-mid">
        <dt>{text.link}</dt>
        <dd data-figure="link-bytes" data-value={most}>
          {most === undefined ? '–' : bytes(most)}
        </dd>
        {run && (
          <dd class="side-note" data-figure="link-formula" data-value={formula}>
            {text.linkNote(bytes(run.arrayBytes), bytes(formula!))}
          </dd>
        )}
      </div>
      <div>
        <dt>{text.perStep}</dt>
        <dd data-figure="sent" data-value={sent}>
          {bytes(sent)}
        </dd>
      </div>
      <div>
        <dt>{text.exposed}</dt>
        <dd data-figure="exposed" data-value={isAlone ? undefined : exposed}>
          {isAlone ? '–' : milliseconds(exposed)}
        </dd>
        <Other show={show} moment={moment} />
      </div>
      <div>
        <dt>{text.hidden}</dt>
        <dd data-figure="overlap" data-value={overlap ?? undefined}>
          {overlap === null || isAlone ? '–' : percent(overlap)}
        </dd>
        <dd class="side-note">{text.hiddenNote}</dd>
      </div>
    </dl>
  );
}

/** The newest exposed time measured with the opposite setting of overlap, under the present handicaps. */
function Other({ show, moment: { plan, kind, ranks } }: { readonly show: Show; readonly moment: Moment }) {
  if (!plan || plan.dp < 2) return null;
  const { overlap, ...rest } = plan;
  const isOn = overlap !== false;
  const digest = show.digests.value.get(keyOf(isOn ? { ...rest, overlap: false } : rest, kind));
  if (digest?.conditions !== conditionsOf(ranks))
    return <dd class="side-note">{text.exposedNote(isOn ? text.on : text.off)}</dd>;
  const age = duration((Date.now() - digest.takenMs) / 1000);
  return (
    <dd class="side-note" data-figure="exposed-other" data-value={digest.parts.dp}>
      {text.exposedOther(milliseconds(digest.parts.dp), isOn ? text.off : text.on, age)}
    </dd>
  );
}

function roundOf({ rounds, members }: RingRun, at: number): string {
  if (at <= 0) return text.before(rounds);
  const round = Math.min(rounds, Math.max(1, Math.ceil(at)));
  const half = members.length - 1;
  return round <= half
    ? text.round(text.reduceScatter, round, half)
    : text.round(text.allGather, round - half, rounds - half);
}
