/**
 * The answers to the room's questions, each computed from the measurements of this room where the plans ran here, else
 * from the simulator. Loaded at the reveal.
 */
import { PlanError } from '../../../../errors';
import { collectiveBytes } from '../../../../plan/linkcosts';
import { type ParallelPlan, parsePlan } from '../../../../plan/plan';
import { envelope } from '../../../../trace/interval';
import { computeEvents } from '../../../../trace/stats';
import { TOLERANCE } from '../../../../worker/watch/telemetry';
import { bytes, milliseconds, rate } from '../../../state/format';
import type { RunFile } from '../../../tab';
import type { Handicap } from '../../facts/feed';
import { type Moment, rankFinder } from '../../facts/moment';
import { parameterCount } from '../../facts/units';
import { percent } from '../../words';
import { because } from '../../words/because';
import { QUESTIONS, type QuestionName } from '../../words/questions';
import { allBytes, STAGES, stateBytes, theory } from '../cut/states';
import { tensorCounts } from '../cut/tensor';
import { busiest, type Digest, digestOf, fullest } from '../digest';
import { bubbleFormula } from '../time/ideal';
import { axisCosts } from '../traffic/axes';
import { partsOf, segmentsOf } from '../traffic/segments';
import { FAMILIES, planOf } from './glance';
import { type Picks, planFor, type Scene } from './plans';

/** What the answers are computed from. */
export interface RoomFacts {
  readonly moment: Moment;
  readonly run: RunFile;
  readonly tabs: number;
  readonly picks: Picks;
  /** The measurement of `plan` in this room under the present handicaps; undefined where there is none. */
  measured(plan: ParallelPlan): Digest | undefined;
  /** One step of `plan` on the simulator; null where it cannot run. */
  imagine(plan: ParallelPlan, change?: Partial<Handicap>): Moment | null;
}

export interface Revealed {
  /** Index of the right option. */
  readonly right: number;
  readonly why: string;
  readonly isMeasured: boolean;
}

/** Null where it cannot be known yet: a measurement is missing, or the room is too small. */
export function answerOf(name: QuestionName, facts: RoomFacts): Revealed | null {
  try {
    return ANSWERS[name](facts);
  } catch (error) {
    if (error instanceof PlanError) return null;
    throw error;
  }
}

interface Figures {
  readonly digest: Digest;
  readonly isMeasured: boolean;
}

function figuresOf(facts: RoomFacts, plan: ParallelPlan | null | undefined): Figures | null {
  if (!plan) return null;
  const measured = facts.measured(plan);
  if (measured) return { digest: measured, isMeasured: true };
  const imagined = facts.imagine(plan);
  const digest = imagined && digestOf(imagined, undefined);
  return digest ? { digest, isMeasured: false } : null;
}

/** The figures of all plans; null where one is missing. */
function allFigures(facts: RoomFacts, plans: readonly (ParallelPlan | null | undefined)[]) {
  const all = plans.map((plan) => figuresOf(facts, plan)).filter((one) => one !== null);
  if (all.length < plans.length) return null;
  return { digests: all.map(({ digest }) => digest), isMeasured: all.every((one) => one.isMeasured) };
}

const planIn = ({ tabs, run, picks }: RoomFacts, scene: Scene, change: Partial<Picks> = {}) =>
  planFor(scene, tabs, run, { ...picks, ...change });

const largest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

/** Index of the first limit above `value`; the number of limits where there is none. */
const below = (value: number, limits: readonly number[]): number => {
  const index = limits.findIndex((limit) => value < limit);
  return index < 0 ? limits.length : index;
};

const ANSWERS: Readonly<Record<QuestionName, (facts: RoomFacts) => Revealed | null>> = {
  memory(facts) {
    const found = figuresOf(facts, planIn(facts, 'one'));
    const memory = found?.digest.memory[0];
    if (!found || !memory) return null;
    const { param, grad, moment, saved, scratch } = memory;
    const parts = [param, grad, moment, saved + scratch];
    const why = because.memory(parts.map(bytes), bytes(allBytes(memory)));
    return { right: largest(parts), why, isMeasured: found.isMeasured };
  },
  eight(facts) {
    const array = 4 * parameterCount(facts.run);
    const [four, eight] = [4, 8].map((tabs) => collectiveBytes(array, tabs, 2)) as [number, number];
    const found = figuresOf(facts, planIn(facts, 'data', { overlap: true }));
    const here = found && facts.tabs > 1 ? because.sends(facts.tabs, bytes(busiest(found.digest))) : '';
    const why = because.eight(bytes(four), bytes(eight), here);
    return { right: below(eight / four, [0.7, 1.4, 3]), why, isMeasured: found?.isMeasured ?? false };
  },
  overlap(facts) {
    const found = allFigures(
      facts,
      [true, false].map((overlap) => planIn(facts, 'data', { overlap })),
    );
    if (!found || facts.tabs < 2) return null;
    const [on, off] = found.digests as [Digest, Digest];
    const isFewer = busiest(on) < 0.99 * busiest(off);
    const right = isFewer ? 0 : on.parts.dp < 0.9 * off.parts.dp ? 1 : 2;
    const why = because.overlap(bytes(busiest(on)), milliseconds(on.parts.dp), milliseconds(off.parts.dp));
    return { right, why, isMeasured: found.isMeasured };
  },
  shards(facts) {
    const found = figuresOf(facts, planIn(facts, 'zero', { zero: 3 }));
    const { tabs } = facts;
    if (!found || tabs < 2) return null;
    const parameters = parameterCount(facts.run);
    const held = Math.max(...found.digest.memory.map((one) => (one ? stateBytes(one) / parameters : 0)));
    const distances = STAGES.map((zero) => -Math.abs(stateBytes(theory(zero, found.digest.plan.dp)) - held));
    const why = because.shards(found.digest.plan.dp, held.toFixed(2));
    return { right: largest(distances), why, isMeasured: found.isMeasured };
  },
  traffic(facts) {
    const plans = ([1, 3] as const).map((zero) => planIn(facts, 'zero', { zero }));
    const found = facts.tabs < 2 ? null : allFigures(facts, plans);
    if (!found) return null;
    const [first, third] = found.digests.map(busiest) as [number, number];
    const why = because.traffic(bytes(first), bytes(third));
    return { right: below(third / first, [1.2, 1.75, 2.5]), why, isMeasured: found.isMeasured };
  },
  depth(facts) {
    const plan = planIn(facts, 'pipeline', { depth: 1, schedule: '1f1b' });
    if (!plan || plan.pp < 2) return null;
    const plans = [plan, { ...plan, microbatches: 4 * plan.microbatches }];
    const [few, many] = plans.map((one) => bubbleFormula(one).bubble) as [number, number];
    const found = allFigures(facts, plans);
    const seen = found ? because.bubbles(found.digests.map(({ bubble }) => percent(bubble))) : '';
    const why = because.depth(
      plans.map(({ microbatches }) => microbatches),
      percent(few),
      percent(many),
      seen,
    );
    const ratio = many / few;
    return {
      right: ratio > 1.05 ? 0 : ratio > 0.95 ? 1 : ratio > 0.5 ? 2 : 3,
      why,
      isMeasured: found?.isMeasured ?? false,
    };
  },
  keeps(facts) {
    const plans = (['gpipe', '1f1b'] as const).map((schedule) => planIn(facts, 'pipeline', { schedule }));
    const found = allFigures(facts, plans);
    if (!found || plans[0]!.pp < 2) return null;
    const [gpipe, other] = found.digests as [Digest, Digest];
    const [before, after] = plans.map((plan) => bubbleFormula(plan!).bubble) as [number, number];
    const right =
      after < before ? 0 : busiest(other) < 0.99 * busiest(gpipe) ? 1 : fullest(other) < fullest(gpipe) ? 2 : 3;
    const why = because.keeps(bytes(fullest(gpipe)), bytes(fullest(other)));
    return { right, why, isMeasured: found.isMeasured };
  },
  far(facts) {
    const plan = planIn(facts, 'pipeline', { schedule: 'gpipe' });
    if (!plan || plan.pp < 2) return null;
    const latencyMs = (facts.moment.ranks[0]?.handicap.latencyMs ?? 0) + 100;
    const steps = (['gpipe', '1f1b', 'eager-1f1b'] as const).map((schedule) => {
      const passes = computeEvents(facts.imagine({ ...plan, schedule }, { latencyMs })?.events ?? []);
      const [start, end] = envelope(passes);
      return end - start;
    });
    if (!steps.every((ms) => ms > 0)) return null;
    return { right: largest(steps.map((ms) => -ms)), why: because.far(steps.map(milliseconds)), isMeasured: false };
  },
  sums(facts) {
    const plan = planIn(facts, 'tensor');
    if (!plan || plan.tp < 2) return null;
    const { moment } = facts;
    const isHere = moment.kind !== 'simulated' && moment.step >= 0 && moment.plan?.tp === plan.tp;
    const events = isHere ? moment.events : (facts.imagine(plan)?.events ?? []);
    const { forward, backward } = tensorCounts(events);
    const right = [1, 2, 4, 8].indexOf(forward + backward);
    return right < 0 ? null : { right, why: because.sums(forward, backward), isMeasured: isHere };
  },
  axis(facts) {
    const imagined = facts.imagine(parsePlan({ dp: 2, pp: 2, tp: 2, microbatches: 4 }));
    if (!imagined) return null;
    const rankOf = rankFinder(imagined.ranks);
    const parts = partsOf(segmentsOf(imagined.events, 8, rankOf));
    const costs = axisCosts(imagined.events, 8, rankOf, parts);
    const messages = (['dp', 'pp', 'tp'] as const).map((axis) => costs[axis].messages);
    return { right: largest(messages), why: because.axis(messages), isMeasured: false };
  },
  fastest(facts) {
    const families = FAMILIES.slice(0, QUESTIONS.fastest.options.length);
    const found = allFigures(
      facts,
      families.map((family) => planOf(family, facts.tabs, facts.run, facts.picks)),
    );
    if (!found) return null;
    const rates = found.digests.map(({ tokensPerSecond }) => tokensPerSecond);
    return { right: largest(rates), why: because.fastest(rates.map(rate)), isMeasured: found.isMeasured };
  },
  rounding({ moment: { proof } }) {
    if (!proof || proof.tensors.length === 0) return null;
    const worst = Math.max(...proof.tensors.map(({ relativeL2 }) => relativeL2));
    const right = worst === 0 ? 0 : worst < TOLERANCE ? 1 : worst < 0.1 ? 2 : 3;
    return { right, why: because.rounding(worst.toExponential(1)), isMeasured: true };
  },
};
