/** Which text is trained on: one of two that are built in, or the person's own by drop, file or paste. */
import { messages } from '../messages';
import { count } from '../state/format';
import { type RunChoice, type Source, TOKENIZERS } from '../state/runchoice';
import { countText, type OwnText, type TextFacts, tokenCountOf } from '../state/texts';

const words = messages.text;
const SOURCES: readonly Source[] = ['moby-dick', 'names', 'own'];
const TEXTS = '.txt,.md,.csv,.json,.jsonl,.gz,text/*';

interface Props {
  readonly choice: RunChoice;
  readonly own: OwnText | null;
  /** Undefined while the own text is empty. */
  readonly facts: TextFacts | undefined;
  /** The model that is started from brings its tokenizer. */
  readonly hasTokenizer: boolean;
  readonly onChange: (change: Partial<RunChoice>) => void;
  readonly onOwn: (own: OwnText) => void;
  readonly onFiles: (files: readonly File[]) => void;
  /** With no file: the text's last tenth is held out. */
  readonly onHeldOut: (files: readonly File[]) => void;
}

export function TextChoice({ choice, own, facts, hasTokenizer, onChange, onOwn, onFiles, onHeldOut }: Props) {
  const heldOut = choice.source === 'own' ? own?.heldOut : undefined;
  return (
    <fieldset class="choice">
      <legend>{words.heading}</legend>
      <div class="tiles">
        {SOURCES.map((source) => (
          <label key={source} class="tile">
            <input
              type="radio"
              name="source"
              checked={choice.source === source}
              onChange={() => onChange({ source })}
            />
            <span class="tile-title">{words[source].title}</span>
            <span class="tile-note">{words[source].note}</span>
          </label>
        ))}
      </div>
      {choice.source === 'own' && <OwnTextField own={own} onOwn={onOwn} onFiles={onFiles} />}
      {choice.source === 'own' && facts && <HeldOutField heldOut={heldOut} onHeldOut={onHeldOut} />}
      {facts && !hasTokenizer && !heldOut && (
        <Split tokens={tokenCountOf(choice.tokenizer, facts)} unit={words.units[choice.tokenizer]} />
      )}
      {!hasTokenizer && (
        <div class="segments-line">
          <span id="tokenizer-label">{words.tokenizer}</span>
          <div class="segments" role="radiogroup" aria-labelledby="tokenizer-label">
            {TOKENIZERS.map((tokenizer) => (
              <label key={tokenizer}>
                <input
                  type="radio"
                  name="tokenizer"
                  checked={choice.tokenizer === tokenizer}
                  onChange={() => onChange({ tokenizer })}
                />
                <span>{words.tokenizers[tokenizer]}</span>
              </label>
            ))}
          </div>
        </div>
      )}
    </fieldset>
  );
}

function OwnTextField({ own, onOwn, onFiles }: Pick<Props, 'own' | 'onOwn' | 'onFiles'>) {
  const onInput = (text: string) =>
    onOwn({ ...(own?.heldOut && !own.isChat && { heldOut: own.heldOut }), name: words.pasted, text });
  const isFile = own !== null && own.name !== words.pasted;
  return (
    <div class="own-text">
      <textarea
        rows={4}
        aria-label={words.paste}
        placeholder={words.paste}
        value={isFile ? '' : (own?.text ?? '')}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <div class="own-text-line">
        <label class="button button-quiet">
          {words.choose}
          <input
            type="file"
            multiple
            accept={TEXTS}
            class="visually-hidden"
            onChange={({ currentTarget: { files } }) => files?.length && onFiles([...files])}
          />
        </label>
        {isFile && <span class="own-file">{own.name}</span>}
      </div>
      {own?.isChat && <p class="note">{words.chats}</p>}
      <p class="note">{words.privacy}</p>
    </div>
  );
}

/** What is held out of the own text: its last tenth, or a file of its own. */
function HeldOutField({ heldOut, onHeldOut }: { readonly heldOut: OwnText['heldOut'] } & Pick<Props, 'onHeldOut'>) {
  const { choose, remove, note } = messages.heldOut;
  return (
    <div class="own-text">
      <div class="own-text-line">
        <label class="button button-quiet">
          {choose}
          <input
            type="file"
            multiple
            accept={TEXTS}
            class="visually-hidden"
            onChange={({ currentTarget: { files } }) => files?.length && onHeldOut([...files])}
          />
        </label>
        {heldOut && (
          <button type="button" class="button button-quiet" onClick={() => onHeldOut([])}>
            {remove}
          </button>
        )}
      </div>
      {heldOut && (
        <p class="note">
          {note(heldOut.name, words.amount(count(countText(heldOut.text).characters), words.units.char))}
        </p>
      )}
    </div>
  );
}

/** The fixed split, drawn to scale. */
function Split({ tokens, unit }: { readonly tokens: number; readonly unit: string }) {
  const trained = Math.floor((tokens * 9) / 10);
  return (
    <div class="split" translate={false}>
      <div class="split-bar" aria-hidden="true">
        <span class="split-train" />
        <span class="split-held-out" />
      </div>
      <p class="split-words">
        <span>
          <b>90 %</b> {words.splitTrain}, {words.amount(count(trained), unit)}
        </span>
        <span>
          <b>10 %</b> {words.splitHeldOut}
        </span>
      </p>
      <p class="note">{words.split}</p>
    </div>
  );
}
