/**
 * What the URL fragment says: the room's secret and the run its sender chose. Everything in it is untrusted; fragments
 * are not sent to servers. Nothing here starts anything.
 */
import * as v from 'valibot';
import { secretOfFragment } from '../../net/signaling/roomkey';
import { brokerOfFragment } from '../../net/signaling/signaladdress';
import { messages } from '../messages';
import { type BuiltInChoice, choiceFields, DEFAULT_CHOICE, type RunChoice } from './runchoice';

interface Fragment {
  /** Undefined if the link names no room. */
  readonly secret: string | undefined;
  /** True if the link sets at least one field of the run. */
  readonly hasChoice: boolean;
  readonly choice: BuiltInChoice;
  /** One sentence for each thing in the link that cannot be used; its default is taken. */
  readonly refused: readonly string[];
}

const NUMBERS = new Set(['layers', 'heads', 'headSize', 'context', 'batch', 'steps', 'lr', 'seed', 'vocab']);

/** Reads `location.hash`. Never throws: what cannot be used is left out and named in `refused`. */
export function readFragment(hash: string): Fragment {
  // some programs write links as HTML
  const plain = hash.replaceAll('&amp;', '&');
  const params = new URLSearchParams(plain.replace(/^#/, ''));
  const secret = secretOfFragment(plain);
  const refused: string[] = [];
  if (params.has('room') && secret === undefined) refused.push(messages.link.badRoom);
  if (params.has('broker') && !brokerOfFragment(hash)) refused.push(messages.link.badBroker);
  const given: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(choiceFields)) {
    const text = params.get(key);
    if (text === null) continue;
    const result = v.safeParse(schema, NUMBERS.has(key) ? numberOf(text) : text);
    if (result.success) given[key] = result.output;
    else refused.push(messages.link.refused(key, text.slice(0, 24), result.issues[0].message));
  }
  return { secret, hasChoice: Object.keys(given).length > 0, choice: { ...DEFAULT_CHOICE, ...given }, refused };
}

/**
 * The fragment, with `#`, that leads to this room, at the broker that the link of this page names. A person's own text is
 * not in it: its reader gets the text from the room.
 */
export function writeFragment(secret: string, choice: RunChoice | null): string {
  const params = new URLSearchParams({ room: secret });
  const broker = brokerOfFragment(globalThis.location?.hash ?? '');
  if (broker) params.set('broker', broker);
  if (choice && choice.source !== 'own') {
    for (const key of Object.keys(choiceFields) as (keyof BuiltInChoice)[]) {
      if (choice[key] !== DEFAULT_CHOICE[key]) params.set(key, String(choice[key]));
    }
  }
  return `#${params}`;
}

/** NaN (which every schema refuses) for text that is not a plain number. */
function numberOf(text: string): number {
  return /^[\d.e-]{1,40}$/.test(text) ? Number(text) : Number.NaN;
}
