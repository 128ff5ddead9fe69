/** Three questions that lead to a plan, in the order in which practice asks them, answered for one room. */
import { collectiveMs } from '../../../../plan/linkcosts';
import type { Links } from '../../../../plan/links';

export interface RoomFigures {
  readonly tabs: number;
  /** Bytes that a single tab would keep: parameters, gradients, moments and activations. */
  readonly aloneBytes: number;
  readonly limitBytes: number;
  readonly parameterBytes: number;
  readonly links: Links;
  /** Time of the backward of one tab's share of the batch; an all-reduce can overlap with it. */
  readonly backwardMs: number;
  /** Number of tabs on the machine with most tabs. */
  readonly onOneMachine: number;
}

export interface Decision {
  readonly fits: boolean;
  /** Time of an all-reduce of all gradients over all tabs. */
  readonly reduceMs: number;
  readonly hides: boolean;
  /** Whether some tabs share a machine, so that they can split matrices. */
  readonly hasFastLinks: boolean;
}

export function decisionOf(room: RoomFigures): Decision {
  const { tabs, aloneBytes, limitBytes, parameterBytes, links, backwardMs, onOneMachine } = room;
  const reduceMs = collectiveMs(parameterBytes, tabs, 2, links);
  return { fits: aloneBytes <= limitBytes, reduceMs, hides: reduceMs <= backwardMs, hasFastLinks: onOneMachine > 1 };
}
