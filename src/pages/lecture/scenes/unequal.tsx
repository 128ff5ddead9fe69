/**
 * Scene 10: one tab is slow. What each needs for a sample, equal shares of the batch beside shares by speed, and the
 * step of both against the optimum.
 */
import { useEffect, useRef } from 'preact/hooks';
import { type ParallelPlan, parsePlan } from '../../../plan/plan';
import { replicaShares } from '../../../plan/shares';
import { milliseconds } from '../../state/format';
import type { RunFile } from '../../tab';
import { measuredStepMs, optimumMs, sampleTimes, sharesBySpeed, slowestMs } from '../models/choice/unequal';
import { conditionsOf } from '../models/digest';
import { Choice } from '../parts/choice';
import { TableHead } from '../parts/tablehead';
import { PACE_MS } from '../show/pacing';
import { words } from '../words';
import type { SceneProps } from './scene';

const text = words.unequal;
const SLOWER = [1, 2, 4];
/** Other shares are taken where the slowest tab needs this many times as long as with the best ones. */
const WORTH = 1.1;

export function UnequalScene({ show }: SceneProps) {
  const moment = show.stage.value;
  const { run, ranks, plan, step, events, metrics, alikeSince, kind, source } = moment;
  const measured = useRef(new Map<string, number>());
  const sampleMs = run && plan && ranks.length > 1 ? sampleTimes(events, plan, run.train.globalBatch) : undefined;
  // why not the first step: it also builds buffers and pipelines, or tabs were slowed in the middle of it
  const isSteady = kind === 'simulated' || (kind === 'live' && source === 'now' && step > alikeSince);
  const asked = isSteady && sampleMs && run && plan ? movedShares(sampleMs, run, plan) : '';
  useEffect(() => {
    if (asked && show.steers.peek()) show.pick({ shares: asked.split(',').map(Number) });
  }, [asked]);
  if (ranks.length < 2) return <p class="soon">{text.alone}</p>;
  if (!run || !plan || !sampleMs || sampleMs.length !== ranks.length) return <p class="soon">{words.noStep}</p>;
  const { globalBatch } = run.train;
  const size = ranks.length;
  const equal = replicaShares(globalBatch, parsePlan({ dp: size }));
  const bySpeed = sharesBySpeed(sampleMs, globalBatch);
  const isBySpeed = plan.shares !== undefined;
  const now = plan.shares ?? equal;
  const conditions = conditionsOf(ranks);
  const stepMs = kind === 'live' && source === 'now' ? measuredStepMs(metrics, alikeSince) : undefined;
  if (stepMs !== undefined) measured.current.set(keyOf(conditions, plan), stepMs);
  const best = optimumMs(sampleMs, globalBatch);
  const rows = [
    { name: 'equal', shares: equal, of: parsePlan({ dp: size }) },
    {
      name: 'speed',
      shares: isBySpeed ? now : bySpeed,
      of: isBySpeed ? plan : parsePlan({ dp: size, shares: bySpeed }),
    },
  ] as const;
  const longest = Math.max(slowestMs(sampleMs, equal), slowestMs(sampleMs, now));
  // why not the moment's: before the first step of a plan its ranks are simulated
  const tabs = show.feed.value.ranks.value;
  const slow = (times: number) => {
    for (const { peer, handicap } of tabs) {
      const unitMs = peer === tabs.at(-1)!.peer ? PACE_MS * times : PACE_MS;
      if (handicap.unitMs !== unitMs) show.handicap(peer, { unitMs });
    }
  };
  return (
    <>
      {show.steers.value && (
        <div class="picks">
          <Choice
            label={text.slow(size - 1)}
            values={SLOWER}
            value={(tabs.at(-1)?.handicap.unitMs ?? 0) / PACE_MS}
            nameOf={text.times}
            onChange={slow}
          />
          <Choice
            label={text.shares}
            values={['equal', 'speed'] as const}
            value={show.picks.value.shares.length === tabs.length ? 'speed' : 'equal'}
            nameOf={(one) => text.sharesOf[one]}
            onChange={(one) => show.pick({ shares: one === 'speed' ? bySpeed : [] })}
          />
        </div>
      )}
      <table class="far-table unequal-table">
        <TableHead columns={text.columns} />
        <tbody>
          {ranks.map(({ rank }) => {
            const ms = sampleMs[rank]! * now[rank]!;
            return (
              <tr key={rank}>
                <th scope="row">{words.tab(rank)}</th>
                <td data-figure={`unequal-sample-${rank}`} data-value={sampleMs[rank]}>
                  {milliseconds(sampleMs[rank]!)}
                </td>
                <td data-figure={`unequal-share-${rank}`} data-value={now[rank]}>
                  {now[rank]}
                </td>
                <td data-figure={`unequal-best-${rank}`} data-value={bySpeed[rank]}>
                  {bySpeed[rank]}
                </td>
                <td>{milliseconds(ms)}</td>
                <td class="unequal-bar" aria-hidden="true">
                  <span class="apart-compute" style={{ width: `${(100 * ms) / longest}%` }} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <table class="far-table">
        <TableHead columns={text.steps} />
        <tbody>
          {rows.map(({ name, shares, of }) => {
            const found = measured.current.get(keyOf(conditions, of));
            const ms = found ?? slowestMs(sampleMs, shares);
            return (
              <tr key={name} class={(name === 'speed') === isBySpeed ? 'running' : ''}>
                <th scope="row">{text.sharesOf[name]}</th>
                <td>{shares.join(':')}</td>
                <td class={found ? '' : 'predicted'} data-figure={`unequal-step-${name}`} data-value={ms}>
                  {milliseconds(ms)}
                </td>
                <td data-figure={`unequal-times-${name}`} data-value={ms / best}>
                  {(ms / best).toFixed(2)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="muted">{text.optimum(milliseconds(best))}</p>
      <p class="muted">{text.same}</p>
    </>
  );
}

/** The best shares, comma separated, where the plan has shares by speed that have become slower than these; else ''. */
function movedShares(sampleMs: readonly number[], { train }: RunFile, { shares }: ParallelPlan): string {
  if (!shares) return '';
  const best = sharesBySpeed(sampleMs, train.globalBatch);
  return slowestMs(sampleMs, shares) > WORTH * slowestMs(sampleMs, best) ? best.join() : '';
}

const keyOf = (conditions: string, { shares }: ParallelPlan): string => `${conditions} ${shares?.join() ?? 'equal'}`;
