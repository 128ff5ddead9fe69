/** A pipeline step as measured, as ideal (equal tabs, free links) and as formula, with its live microbatches. */
import type { StagedMoment } from '../facts/moment';
import { stageOfUnit, unitsOf } from '../facts/units';
import { cutOf } from './digest';
import { type Alive, aliveOf } from './time/alive';
import { EMPTY, type Gantt, ganttOf, meanPasses, replacedBy } from './time/gantt';
import { bubbleFormula, type Formula, idealOf } from './time/ideal';

export interface Analysis {
  readonly measured: Gantt;
  /** Null in a sketch. */
  readonly ideal: Gantt | null;
  readonly formula: Formula;
  readonly alive: readonly Alive[];
}

/** The ideal schedule is computed for every 4th live moment only: pass times hardly change from step to step. */
const IDEAL_EVERY = 4;

export class Analyser {
  #key = '';
  #count = 0;
  #idealOf: ReturnType<typeof idealOf> | undefined;
  #ideal = EMPTY;

  /** Null before the first step. */
  of(moment: StagedMoment): Analysis | null {
    const sketch = sketchOf(moment);
    if (!sketch) return null;
    const { events, ranks, kind, source } = moment;
    const [run, plan] = [moment.run!, moment.plan!];
    const units = unitsOf(run, plan);
    const key = `${cutOf(plan)} ${source} ${JSON.stringify([run, ranks[0]?.handicap])}`;
    if (key !== this.#key) {
      this.#key = key;
      this.#count = 0;
      this.#idealOf = idealOf(plan, units);
    }
    if (kind !== 'live' || this.#count++ % IDEAL_EVERY === 0) {
      const kinds = units.map((unit) => unit.kind);
      this.#ideal = this.#idealOf!(meanPasses(events, kinds));
    }
    return { ...sketch, ideal: this.#ideal };
  }
}

/** The part that needs no simulation, so that a new scene has its bars at once; null before the first step. */
export function sketchOf(moment: StagedMoment): Analysis | null {
  const { run, plan, events, step, ranks, source } = moment;
  if (!run || !plan || step < 0) return null;
  const stages = stageOfUnit(unitsOf(run, plan), plan);
  const whole = ganttOf(events, ranks.length, stages);
  if (whole.bars.length === 0) return null;
  const measured =
    source === 'part'
      ? replacedBy(whole, ganttOf(moment.measured ?? [], ranks.length, stages))
      : source === 'expected'
        ? replacedBy(whole, { ...EMPTY, ranks: ranks.length })
        : whole;
  return { measured, ideal: null, formula: bubbleFormula(plan), alive: aliveOf(measured) };
}
