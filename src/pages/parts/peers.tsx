/** Everybody in the room with their state; colour never stands alone, every state is also a word. */
import { messages } from '../messages';
import { bytes, milliseconds } from '../state/format';
import type { Person } from '../state/people';
import type { LinkStats } from '../tab';
import { useDraft } from './draft';

const words = messages.peers;

interface Props {
  readonly people: readonly Person[];
  /** Lets this tab's person change their name; absent where names are only shown. */
  readonly onRename?: (name: string) => void;
}

const MAX_NAME = 32;

export function Peers({ people, onRename }: Props) {
  return (
    <ul class="peers">
      {people.map((person) => (
        <li key={person.peer} class="peer">
          <span class={`dot dot-${person.state}`} aria-hidden="true" />
          <div class="peer-main">
            <div class="peer-line">
              {person.me && onRename ? (
                <OwnName name={person.name} onRename={onRename} />
              ) : (
                <span class="peer-name">{person.name}</span>
              )}
              {person.me && <span class="tag tag-me">{words.you}</span>}
              <span class="peer-state">{words.states[person.state]}</span>
            </div>
            <div class="peer-detail">{deviceOf(person).join(' · ')}</div>
            {person.left && <div class="peer-detail">{words.left(person.left)}</div>}
            {person.link && <LinkLine link={person.link} />}
          </div>
        </li>
      ))}
    </ul>
  );
}

function OwnName({ name, onRename }: { readonly name: string; readonly onRename: (name: string) => void }) {
  return <input class="peer-rename" aria-label={words.rename} maxLength={MAX_NAME} {...useDraft(name, onRename)} />;
}

function deviceOf({ rank, share, adapter, software, hidden }: Person): readonly string[] {
  return [
    rank === null ? '' : words.rank(rank),
    share === null ? '' : words.share(share),
    adapter || words.noAdapter,
    software ? words.software : '',
    hidden ? words.hidden : words.visible,
  ].filter((text) => text !== '');
}

/** How this tab is connected to the peer, and the bytes over that link so far. */
function LinkLine({ link }: { readonly link: LinkStats }) {
  return (
    <div class="peer-detail peer-link">
      {link.kind === 'relayed' ? (
        <span class="tag" title={words.relayed}>
          {words.links.relayed}
        </span>
      ) : (
        <span>{words.links[link.kind]}</span>
      )}
      {link.rttMs > 0 && <span>{milliseconds(link.rttMs)}</span>}
      <Amount sign="↑" word={messages.ring.sent} value={link.bytesSent} />
      <Amount sign="↓" word={messages.ring.received} value={link.bytesReceived} />
    </div>
  );
}

function Amount({ sign, word, value }: { readonly sign: string; readonly word: string; readonly value: number }) {
  return (
    <span>
      <span aria-hidden="true">{sign}</span>
      <span class="visually-hidden">{word}</span> {bytes(value)}
    </span>
  );
}
