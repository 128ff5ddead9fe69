/**
 * The links of a room from what its ranks have probed (train/trainer/auto/linkprobe.ts): far, near and relayed ones
 * apart, each kind as slow as its slowest link. Pure.
 */
import type { TraceEvent } from '../trace/trace';
import type { Links } from './links';

/** Prefixes of the names of events about near and relayed links, where links of several kinds are measured. */
export const NEAR = 'near.';
export const RELAYED = 'relayed.';
/** The rate of links that are not there, bytes per ms: JSON has no infinity. */
const NO_LIMIT = 1e12;

/** What one rank has probed. `links` are the far ones, with latency 0 and no limit where it has none. */
export interface Probed {
  readonly links: Links;
  readonly near?: Links;
  readonly relayed?: Links;
  /** The ranks that it reaches through the server. */
  readonly relayedTo?: readonly number[];
}

/** The slowest links of all ranks. */
export interface ProbedRoom extends Pick<Probed, 'links' | 'near'> {
  readonly relayed?: NonNullable<Links['relayed']>;
}

/** What `rank` has probed. */
export function probedLinks(events: readonly TraceEvent[], rank: number): Probed {
  const mine = events.filter((one) => one.rank === rank);
  const value = (name: string) => mine.findLast((one) => one.name === name)?.value;
  const rate = (name: string) => Math.min(value(name) ?? NO_LIMIT, NO_LIMIT);
  const of = (prefix: string): Links => ({
    latencyMs: value(`${prefix}latencyMs`) ?? 0,
    bytesPerMs: rate(`${prefix}bytesPerMs`),
    deviceBytesPerMs: rate(`${prefix}deviceBytesPerMs`),
  });
  const isThere = (prefix: string) => value(`${prefix}latencyMs`) !== undefined;
  const codeMsPerMillion = value('codeMsPerMillion');
  // why the last probe: a direct link may have taken over since an earlier one
  const newest = mine.slice(mine.findLastIndex(({ name }) => name === `${RELAYED}latencyMs`));
  const relayedTo = newest.filter(({ name }) => name === `${RELAYED}rank`).map((one) => one.value!);
  return {
    links: { ...of(''), ...(codeMsPerMillion !== undefined && { codeMsPerMillion }) },
    ...(isThere(NEAR) && { near: of(NEAR) }),
    ...(isThere(RELAYED) && { relayed: of(RELAYED), relayedTo }),
  };
}

/** `probed`: by rank; null where it is not known. */
export function slowestProbed(probed: readonly (Probed | null)[]): ProbedRoom {
  const of = (kind: 'links' | 'near' | 'relayed') => probed.flatMap((one) => (one?.[kind] ? [one[kind]] : []));
  const [near, relayed] = [of('near'), of('relayed')];
  return {
    links: slowestOf(of('links')),
    ...(near.length > 0 && { near: slowestOf(near) }),
    ...(relayed.length > 0 && {
      relayed: { to: probed.map((one) => one?.relayedTo ?? []), links: slowestOf(relayed) },
    }),
  };
}

/** The links of ranks on `machines`. `hostMs`: read-back before a message and upload after it. */
export function linksBetween({ links, near, relayed }: ProbedRoom, hostMs: number, machines: readonly string[]): Links {
  // why: where no link is far, the relayed ones stand for them, so that nothing counts as fast
  const far = relayed && links.bytesPerMs === NO_LIMIT ? { ...links, ...relayed.links } : links;
  return {
    ...far,
    hostMs,
    ...(near && { inside: { machines, links: { ...near, hostMs } } }),
    ...(relayed && { relayed: { to: relayed.to, links: { ...relayed.links, hostMs } } }),
  };
}

function slowestOf(probed: readonly Links[]): Links {
  const most = (of: (links: Links) => number) => Math.max(...probed.map(of));
  const least = (of: (links: Links) => number) => Math.min(...probed.map(of));
  const codeMsPerMillion = most((links) => links.codeMsPerMillion ?? 0);
  return {
    latencyMs: most(({ latencyMs }) => latencyMs),
    bytesPerMs: least(({ bytesPerMs }) => bytesPerMs),
    deviceBytesPerMs: least((links) => links.deviceBytesPerMs ?? NO_LIMIT),
    ...(codeMsPerMillion > 0 && { codeMsPerMillion }),
  };
}
