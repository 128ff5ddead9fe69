/** The way to a plan: three questions in the order in which practice asks them, answered with the figures of a room. */
import { collectiveMs, type Links } from '../../../plan/links';

export interface RoomFigures {
  readonly tabs: number;
  /** What one tab alone keeps: parameters, gradients, moments and activations. */
  readonly aloneBytes: number;
  readonly limitBytes: number;
  readonly parameterBytes: number;
  readonly links: Links;
  /** Backward of one tab's share of the batch: what an all-reduce can hide under. */
  readonly backwardMs: number;
  /** Tabs on the machine that has most of them. */
  readonly onOneMachine: number;
}

export interface Decision {
  readonly fits: boolean;
  /** All-reduce of all gradients over all tabs. */
  readonly reduceMs: number;
  readonly hides: boolean;
  /** Some tabs are near enough to each other to split matrices. */
  readonly hasFastLinks: boolean;
}

export function decisionOf(room: RoomFigures): Decision {
  const { tabs, aloneBytes, limitBytes, parameterBytes, links, backwardMs, onOneMachine } = room;
  const reduceMs = collectiveMs(parameterBytes, tabs, 2, links);
  return { fits: aloneBytes <= limitBytes, reduceMs, hides: reduceMs <= backwardMs, hasFastLinks: onOneMachine > 1 };
}
