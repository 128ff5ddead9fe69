/**
 * The lecture as a URL fragment: room, run, scene, the settings of the scene, and whether this page only watches. The
 * fragment is untrusted: fields that cannot be used are dropped and listed in `refused`.
 */
import * as v from 'valibot';
import { SCHEDULES } from '../../../plan/plan';
import { WIRES } from '../../../plan/wire';
import { readFragment, writeFragment } from '../../state/fragment';
import { DEFAULT_CHOICE, type RunChoice } from '../../state/runchoice';
import { DEFAULT_PICKS, type Picks, SCENES, type Scene } from '../models/choice/plans';

/** The lecture's own run: enough layers for two chunks on each of four tabs, small enough for software adapters. */
export const LECTURE_CHOICE: RunChoice = { ...DEFAULT_CHOICE, layers: 8, steps: 5000, lr: 0.003 };

export interface Address {
  /** Undefined where the link names no room. */
  readonly secret: string | undefined;
  readonly choice: RunChoice;
  readonly scene: Scene;
  readonly picks: Picks;
  /** Number of simulated tabs while nobody trains. */
  readonly tabs: number;
  readonly hidden: boolean;
  /** Whether this page only watches a room that others steer. */
  readonly watches: boolean;
  /** Source of a single scene embedded in another page, without a room; '' for the whole lecture. */
  readonly embed: '' | 'simulated' | 'recorded';
  /** One sentence for each field that cannot be used. */
  readonly refused: readonly string[];
}

const integer = (min: number, max: number) =>
  v.pipe(v.string(), v.digits(), v.transform(Number), v.minValue(min), v.maxValue(max));

const fields = {
  scene: v.picklist(SCENES),
  zero: v.pipe(
    v.picklist(['0', '1', '2', '3']),
    v.transform((text) => Number(text) as Picks['zero']),
  ),
  schedule: v.picklist(SCHEDULES),
  depth: integer(1, 16),
  overlap: v.pipe(
    v.picklist(['on', 'off']),
    v.transform((text) => text === 'on'),
  ),
  every: integer(0, 100),
  wire: v.picklist(WIRES),
  placement: v.picklist(['inside', 'across']),
  follow: v.pipe(v.string(), v.regex(/^[a-z]{1,8}\d{0,3}$/)),
  tabs: integer(1, 64),
  hide: v.picklist(['controls']),
  watch: v.picklist(['only']),
  // why '' too: a link may say `&embed` without a value
  embed: v.picklist(['', 'simulated', 'recorded']),
} as const;

const DEFAULT_TABS = 4;

export function readAddress(hash: string): Address {
  const base = readFragment(hash);
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const refused = [...base.refused];
  const read = <K extends keyof typeof fields>(key: K): v.InferOutput<(typeof fields)[K]> | undefined => {
    const text = params.get(key);
    if (text === null) return undefined;
    const result = v.safeParse(fields[key], text);
    if (result.success) return result.output as v.InferOutput<(typeof fields)[K]>;
    refused.push(
      `The link asks for ${key} = ${text.slice(0, 24)}, which this page does not know; the default is taken.`,
    );
    return undefined;
  };
  return {
    secret: base.secret,
    choice: base.hasChoice ? base.choice : LECTURE_CHOICE,
    scene: read('scene') ?? 'one',
    picks: {
      zero: read('zero') ?? DEFAULT_PICKS.zero,
      schedule: read('schedule') ?? DEFAULT_PICKS.schedule,
      depth: read('depth') ?? DEFAULT_PICKS.depth,
      overlap: read('overlap') ?? DEFAULT_PICKS.overlap,
      every: read('every') ?? DEFAULT_PICKS.every,
      wire: read('wire') ?? DEFAULT_PICKS.wire,
      // why not in the address: they are of the tabs that were measured
      shares: DEFAULT_PICKS.shares,
      placement: read('placement') ?? DEFAULT_PICKS.placement,
      follow: read('follow') ?? DEFAULT_PICKS.follow,
    },
    tabs: read('tabs') ?? DEFAULT_TABS,
    hidden: read('hide') !== undefined,
    watches: read('watch') !== undefined,
    embed: embedOf(read('embed')),
    refused,
  };
}

const embedOf = (text: '' | 'simulated' | 'recorded' | undefined): Address['embed'] =>
  text === undefined ? '' : text || 'simulated';

/** The fragment, with `#`. Leaves out the room where there is none. */
export function writeAddress({
  secret,
  choice,
  scene,
  picks,
  tabs,
  hidden,
  watches,
  embed,
}: Omit<Address, 'refused'>): string {
  const params = new URLSearchParams(writeFragment(secret ?? '', choice).slice(1));
  if (secret === undefined) params.delete('room');
  // why: a link without any field of the run means the lecture's own run
  if (isSame(choice, DEFAULT_CHOICE)) params.set('layers', String(choice.layers));
  if (isSame(choice, LECTURE_CHOICE)) for (const key of Object.keys(LECTURE_CHOICE)) params.delete(key);
  params.set('scene', scene);
  for (const key of ['zero', 'schedule', 'depth', 'every', 'wire', 'placement', 'follow'] as const) {
    if (picks[key] !== DEFAULT_PICKS[key]) params.set(key, String(picks[key]));
  }
  if (!picks.overlap) params.set('overlap', 'off');
  if (tabs !== DEFAULT_TABS) params.set('tabs', String(tabs));
  if (hidden) params.set('hide', 'controls');
  if (watches) params.set('watch', 'only');
  if (embed !== '') params.set('embed', embed);
  return `#${params}`;
}

function isSame(a: RunChoice, b: RunChoice): boolean {
  return (Object.keys(b) as (keyof RunChoice)[]).every((key) => a[key] === b[key]);
}
