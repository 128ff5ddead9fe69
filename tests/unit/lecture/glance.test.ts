/** The answer at a glance: each cell is the figure of its scene; the way to a plan; and no figure of a page without its source. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Moment, rankFinder } from '../../../src/pages/lecture/facts/moment';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { decisionOf } from '../../../src/pages/lecture/models/choice/decision';
import { FAMILIES, glanceOf, planOf } from '../../../src/pages/lecture/models/choice/glance';
import { DEFAULT_PICKS } from '../../../src/pages/lecture/models/choice/plans';
import { stateBytes } from '../../../src/pages/lecture/models/cut/states';
import { digestOf } from '../../../src/pages/lecture/models/digest';
import { linkLoads, overAllAxes, sentBytes } from '../../../src/pages/lecture/models/traffic/links';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { statsOf } from '../../../src/trace/stats';

const ROOT = join(import.meta.dirname, '../../..');
const LECTURE = join(ROOT, 'src/pages/lecture');
const run = runFileOf(LECTURE_CHOICE, '');

test.each(FAMILIES)('%s: cells are what the trace and the ranks say', (family) => {
  const plan = planOf(family, 4, run, DEFAULT_PICKS)!;
  const feed = new SimulatedFeed(run, plan);
  const ranks = feed.ranks.value;
  const events = feed.traceOf(feed.newestStep.value);
  const rest = {
    kind: 'simulated',
    phase: 'training',
    generation: 1,
    metrics: [],
    since: 0,
    alikeSince: 0,
    proof: null,
    early: [],
  } as const;
  const moment: Moment = { ...rest, run, plan, ranks, step: 1, events };
  const glance = glanceOf(digestOf(moment, undefined)!);
  const loads = linkLoads(events, rankFinder(ranks));
  expect(glance.sentBytes).toBe(Math.max(...ranks.map(({ rank }) => overAllAxes(sentBytes(loads, rank)))));
  expect(glance.stateBytes).toBe(Math.max(...ranks.map(({ memory }) => stateBytes(memory!))));
  const { bubble, overlap } = statsOf(events, 1);
  expect(glance).toMatchObject({ bubble, hidden: overlap });
  expect(glance.tokensPerSecond).toBeGreaterThan(0);
  // only tensor parallelism stops a tab at every block and microbatch
  const blocks = run.model.layers / plan.pp;
  if (plan.tp > 1) expect(glance.stops).toBeGreaterThan(4 * blocks * plan.microbatches - 1);
  else expect(glance.stops).toBeLessThan(4 * run.model.layers);
});

test('the way to a plan: fits, hides, and what is near', () => {
  const room = { tabs: 4, aloneBytes: 1e9, limitBytes: 4e9, parameterBytes: 4e6, backwardMs: 400, onOneMachine: 4 };
  const links = { latencyMs: 1, bytesPerMs: 20_000 };
  const near = decisionOf({ ...room, links });
  expect(near).toMatchObject({ fits: true, hides: true, hasFastLinks: true });
  const far = decisionOf({ ...room, aloneBytes: 5e9, onOneMachine: 1, links: { latencyMs: 20, bytesPerMs: 600 } });
  expect(far).toMatchObject({ fits: false, hides: false, hasFastLinks: false });
  expect(far.reduceMs).toBeGreaterThan(near.reduceMs);
});

describe('docs/lecture-figures.md', () => {
  const rows = [
    ...readFileSync(join(ROOT, 'docs/lecture-figures.md'), 'utf8').matchAll(/^\| (`.+`) \| .+ \| (.+) \| (.+) \|$/gm),
  ];
  const sources = readdirSync(LECTURE, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.tsx'))
    .map((file) => readFileSync(join(LECTURE, file), 'utf8'));

  test('lists every figure of the pages', () => {
    const names = rows.flatMap(([, list]) => [...list!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
    const known = names.map((name) => new RegExp(`^${name.replaceAll('*', '.*')}$`));
    const shown = sources.flatMap((source) =>
      [...source.matchAll(/data-(?:figure|cell)=(?:"([^"]+)"|\{`([^`]+)`\})/g)].map(([, plain, made]) =>
        (plain ?? made!).replace(/\$\{[^}]+\}/g, 'x'),
      ),
    );
    expect(shown.length).toBeGreaterThan(30);
    expect(shown.filter((name) => !known.some((pattern) => pattern.test(name)))).toEqual([]);
  });

  test('names functions and tests that exist', () => {
    expect(rows.length).toBeGreaterThan(12);
    for (const [, , functions, tests] of rows) {
      for (const [, file, name] of functions!.matchAll(/(\S+\.ts) (\w+)/g)) {
        expect(readFileSync(join(LECTURE, file!), 'utf8'), file).toMatch(
          new RegExp(`export (function|const) ${name}\\b`),
        );
      }
      for (const file of tests!.split(', ')) {
        const isThere = ['unit/lecture', 'e2e'].some((folder) => existsSync(join(ROOT, 'tests', folder, file)));
        expect(isThere, file).toBe(true);
      }
    }
  });
});
