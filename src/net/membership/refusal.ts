/**
 * Refuses this peer when its build or its run file differs from the room's. By its build only a newcomer is refused,
 * never a peer that trains. If the room trains another run, the run of this peer gives way. In a headless run all peers
 * are newcomers, and any difference ends the run.
 */
import type { Turn } from './turn';

/** Refuse this peer if it does not match the room. A refusal is final; the page shows its sentence. */
export function refuse(turn: Turn): void {
  const { state } = turn;
  if (state.refusal !== '' || !turn.isChanged('roster', 'newest')) return;
  const sentence = otherBuild(turn) ?? otherRun(turn);
  if (sentence === undefined) return;
  state.refusal = sentence;
  turn.effects.push({ f: 'refuse', sentence });
}

const isHeadless = (expect: number | undefined, does: string) => expect !== undefined && does === 'willing';

function otherBuild({ state, setting }: Turn): string | undefined {
  const { build, expect, self } = setting;
  if (state.holds > 0 || state.newest.peers.includes(self)) return undefined;
  const others = [...state.roster.values()].filter(({ peer }) => peer !== self);
  const foreign = others.find((one) => one.build !== build && ((one.holds ?? 0) > 0 || isHeadless(expect, one.state)));
  const hasOwn = others.some((one) => one.build === build && (one.holds ?? 0) > 0);
  if (!foreign || hasOwn) return undefined;
  if (expect !== undefined)
    return `This peer runs build ${build} and the room runs ${foreign.build}: reload the page to get the same build.`;
  return `The tabs that train here have another version of this page (build ${foreign.build}, this tab has ${build}): whichever were opened before the update must be reloaded, or open a room of your own.`;
}

function otherRun(turn: Turn): string | undefined {
  const { state, setting } = turn;
  const { run, expect, self } = setting;
  const { runHash, peers, authority } = state.newest;
  const own = state.ownRun;
  if (own === '' || peers.includes(self)) return undefined;
  const willing = [...state.roster.values()].filter((one) => one.peer !== self && isHeadless(expect, one.state));
  const other = [runHash, ...willing.map((one) => one.run)].find((hash) => hash !== '' && hash !== own);
  if (other === undefined) return undefined;
  if (expect !== undefined)
    return `This peer brought run file ${own} and the room trains ${other}: join without a run file of your own.`;
  if (state.roster.get(authority)?.signal) {
    adopt(turn, runHash);
    return undefined;
  }
  const [mine, theirs] = [textOf(run.text), textOf(state.newest.run)];
  const room = differenceOf(mine, theirs);
  return `This room trains ${room}: take part again to train with the others, or open a room of your own.`;
}

/** The lecturer has started another run than this peer brought: train that one. */
function adopt({ state, setting, effects }: Turn, hash: string): void {
  state.ownRun = hash;
  const presence = state.roster.get(setting.self);
  if (presence) state.roster = new Map(state.roster).set(setting.self, { ...presence, run: hash });
  effects.push({ f: 'adopt', hash });
}

/** How the room's run differs from this tab's. Run files differ in their texts, or in the model and how it is trained. */
function differenceOf(mine: TextName, theirs: TextName): string {
  if (mine.name !== theirs.name) return `on ${theirs.name}, and this tab brought ${mine.name}`;
  if (mine.sha256 !== theirs.sha256) return `on another text named ${theirs.name}`;
  return `another model on ${theirs.name}`;
}

interface TextName {
  readonly name: string;
  readonly sha256: unknown;
}

/** The text that a run file names, without its kind; the file is data from the network. */
function textOf(run: string): TextName {
  try {
    const { source, sha256 } = JSON.parse(run).data;
    return { name: typeof source === 'string' ? source.replace(/^\w+:/, '') : 'another text', sha256 };
  } catch {
    return { name: 'another text', sha256: undefined };
  }
}
