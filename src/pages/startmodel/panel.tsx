/** Shows a model to start from on the first page, with the numbers of its tuning and a place to talk to it. */

import { AnswerText, PromptForm } from '../chat/talk';
import { Banner } from '../parts/banner';
import { useDraft } from '../parts/draft';
import { count, short } from '../state/format';
import sheet from '../styles/talk.css?url';
import type { StartDesk, Tuning } from './startdesk';
import { words } from './words';

const FIELDS = Object.keys(words.fields) as (keyof Tuning)[];

export function StartPanel({ desk, onRemove }: { readonly desk: StartDesk; readonly onRemove: () => void }) {
  const chat = desk.chat.value;
  if (desk.phase.value === 'opening') return <p class="note">{words.opening}</p>;
  const { kind, parameters, layers, dim, vocab, notes } = desk.facts;
  return (
    <fieldset class="choice startmodel">
      <link rel="stylesheet" href={sheet} />
      <legend>{words.heading}</legend>
      <p>
        <b>{desk.name}</b> {words.what(kind, short(parameters), layers, dim, count(vocab))}
      </p>
      {notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
      <p class="note">{desk.phase.value === 'preparing' ? words.preparing : words.parts}</p>
      <div class="fields">
        {FIELDS.map((field) => (
          <Field key={field} field={field} desk={desk} />
        ))}
      </div>
      <div class="segments-line">
        {!chat && (
          <button type="button" class="button" onClick={() => void desk.talk()}>
            {words.talk}
          </button>
        )}
        <button type="button" class="button button-quiet" onClick={onRemove}>
          {words.remove}
        </button>
      </div>
      {chat && (
        <>
          <Banner kind="problem" sentence={chat.problem.value} onDismiss={() => (chat.problem.value = '')} />
          <Banner kind="note" sentence={chat.note.value} onDismiss={() => (chat.note.value = '')} />
          <PromptForm desk={chat} />
          <AnswerText desk={chat} />
        </>
      )}
    </fieldset>
  );
}

function Field({ field, desk }: { readonly field: keyof Tuning; readonly desk: StartDesk }) {
  const { min, max } = desk.rangeOf(field);
  const commit = (text: string) => {
    const number = Number(text);
    const fits = number >= min && number <= max && (field === 'lr' || Number.isInteger(number));
    const kind = field === 'lr' ? words.number : words.whole;
    desk.onProblem(fits ? '' : words.mustBe(words.fields[field], kind, min, max));
    if (fits) desk.set({ [field]: number });
  };
  const draft = useDraft(String(desk.tuning.value[field]), commit);
  return (
    <label class="field">
      <span>{words.fields[field]}</span>
      <input type="number" min={min} max={max} step={field === 'lr' ? 'any' : 1} {...draft} />
    </label>
  );
}
