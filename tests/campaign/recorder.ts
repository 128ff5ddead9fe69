/** What the Workers of pages report, recorded in the pages: every committed step with its time, every change of phase. */
import type { BrowserContext, Page } from 'playwright-core';

export interface Committed {
  /** Wall clock, ms: the same for all processes of the machine. */
  readonly at: number;
  readonly step: number;
  readonly loss: number;
}

export interface Recorded {
  readonly steps: readonly Committed[];
  /** Every change of phase or sentence, with the members of the generation then. */
  readonly phases: readonly {
    readonly at: number;
    readonly phase: string;
    readonly sentence: string;
    readonly members: number;
  }[];
  readonly weights: readonly { readonly generation: number; readonly step: number; readonly hash: string }[];
}

declare global {
  /** Put into pages by `record`. */
  var recorded: { steps: Committed[]; phases: Recorded['phases'][number][]; weights: Recorded['weights'][number][] };
}

/** Every page of `context` that is opened from now on records. */
export async function record(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    globalThis.recorded = { steps: [], phases: [], weights: [] };
    const { steps, phases, weights } = globalThis.recorded;
    let last = '';
    const note = (data: { path?: unknown[]; argumentList?: { value?: Record<string, never> }[] } | undefined) => {
      const status = data?.path?.[0] === 'status' ? data.argumentList?.[0]?.value : undefined;
      if (!status) return;
      const at = performance.timeOrigin + performance.now();
      const {
        newMetrics,
        phase,
        sentence,
        members,
        weights: held,
      } = status as unknown as {
        newMetrics: { step: number; loss: number }[];
        phase: string;
        sentence: string;
        members: string[];
        weights: Recorded['weights'][number] | null;
      };
      for (const { step, loss } of newMetrics) steps.push({ at, step, loss });
      if (`${phase} ${sentence}` !== last) phases.push({ at, phase, sentence, members: members.length });
      last = `${phase} ${sentence}`;
      const known = weights.at(-1);
      if (held && (known?.generation !== held.generation || known.step !== held.step)) weights.push(held);
    };
    // a Worker reports over a port that its page listens at
    const listen = MessagePort.prototype.addEventListener;
    MessagePort.prototype.addEventListener = function (this: MessagePort, ...given: Parameters<typeof listen>) {
      if (given[0] === 'message') listen.call(this, 'message', (event) => note((event as MessageEvent).data));
      return listen.apply(this, given);
    } as typeof listen;
  });
}

export const readRecord = (page: Page): Promise<Recorded> => page.evaluate(() => globalThis.recorded);

/** Longest time without a step between `from` and `to` (wall clock); the whole time where there is none. */
export function longestPause(steps: readonly Committed[], from: number, to: number): number {
  const times = [...new Set(steps.filter(({ at }) => at > from && at < to).map(({ at }) => at))].sort((a, b) => a - b);
  return Math.max(...[...times, to].map((at, n) => at - (times[n - 1] ?? from)));
}

/** The models of one step and generation that are not equal on all pages, as `generation/step`. */
export function unequal(records: readonly Recorded[]): readonly string[] {
  const hashes = new Map<string, Set<string>>();
  for (const { weights } of records) {
    for (const { generation, step, hash } of weights) {
      const name = `${generation}/${step}`;
      hashes.set(name, (hashes.get(name) ?? new Set()).add(hash));
    }
  }
  return [...hashes].flatMap(([name, found]) => (found.size > 1 ? [name] : []));
}

/** Steps that a page committed twice, or left out after its first. */
export function disorder({ steps }: Recorded): number {
  return steps.slice(1).filter(({ step }, at) => step !== steps[at]!.step + 1).length;
}
