/** A pipeline's step three ways (as it ran, as it would with equal tabs and free links, as the formula says), and what is kept. */
import type { StagedMoment } from '../facts/moment';
import { stageOfUnit, unitsOf } from '../facts/units';
import { type Alive, aliveOf } from './alive';
import { cutOf } from './digest';
import { EMPTY, type Gantt, ganttOf, meanPasses, replacedBy } from './gantt';
import { bubbleFormula, type Formula, idealOf } from './ideal';

export interface Analysis {
  readonly measured: Gantt;
  readonly ideal: Gantt;
  readonly formula: Formula;
  readonly alive: readonly Alive[];
}

/** Of so many live moments one computes the ideal schedule anew: from step to step the times of its passes hardly change. */
const IDEAL_EVERY = 4;

export class Analyser {
  #key = '';
  #count = 0;
  #idealOf: ReturnType<typeof idealOf> | undefined;
  #ideal = EMPTY;

  /** Null before there is a step of a pipeline. */
  of(moment: StagedMoment): Analysis | null {
    const { run, plan, events, step, ranks, kind, source } = moment;
    if (!run || !plan || step < 0) return null;
    const units = unitsOf(run, plan);
    const stages = stageOfUnit(units, plan);
    const whole = ganttOf(events, ranks.length, stages);
    if (whole.bars.length === 0) return null;
    const measured =
      source === 'part'
        ? replacedBy(whole, ganttOf(moment.measured ?? [], ranks.length, stages))
        : source === 'expected'
          ? replacedBy(whole, { ...EMPTY, ranks: ranks.length })
          : whole;
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
    return { measured, ideal: this.#ideal, formula: bubbleFormula(plan), alive: aliveOf(measured) };
  }
}
