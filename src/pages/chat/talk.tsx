/** Talking to an open model: the prompt with its settings, and the answer. */
import type { Said } from '../../worker/chat/talkclient';
import type { ChatDesk, ChatSettings } from './desk';
import { words } from './words';

export function PromptForm({ desk }: { readonly desk: ChatDesk }) {
  const settings = desk.settings.value;
  const number = (name: keyof ChatSettings, label: string, min: number, max: number, step: number, note?: string) => (
    <label>
      <span>{label}</span>
      <input
        type="number"
        {...{ min, max, step }}
        title={note}
        value={settings[name]}
        onInput={({ currentTarget: { valueAsNumber: value } }) => {
          if (value >= min && value <= max) desk.set({ [name]: value });
        }}
      />
    </label>
  );
  return (
    <form
      class="chat-question"
      onSubmit={(event) => {
        event.preventDefault();
        void desk.answer();
      }}
    >
      <textarea
        rows={3}
        aria-label={words.prompt}
        placeholder={words.prompt}
        value={desk.prompt.value}
        onInput={(event) => (desk.prompt.value = event.currentTarget.value)}
      />
      <div class="chat-settings">
        {number('temperature', words.temperature, 0, 10, 0.1, words.temperatureNote)}
        {number('topK', words.topK, 0, 1_000_000, 1, words.topKNote)}
        {number('topP', words.topP, 0.01, 1, 0.01)}
        {number('length', words.length, 1, 100_000, 1)}
        {number('seed', words.seed, 0, 0xffffffff, 1)}
        <label>
          <span>{words.end}</span>
          <input type="text" value={settings.stop} onInput={(event) => desk.set({ stop: event.currentTarget.value })} />
        </label>
        {desk.phase.value === 'answering' ? (
          <button type="button" class="button" onClick={() => desk.stop()}>
            {words.stop}
          </button>
        ) : (
          <button type="submit" class="button" disabled={desk.prompt.value === ''}>
            {words.go}
          </button>
        )}
      </div>
    </form>
  );
}

/** The text that was asked for and what the model said so far; nothing before the first question. */
export function AnswerText({ desk }: { readonly desk: ChatDesk }) {
  const asked = desk.asked.value;
  const said = desk.said.value;
  if (asked === '') return null;
  return (
    <>
      <section class="chat-answer" aria-label={words.answer} aria-live="off">
        <span class="chat-asked">{asked}</span>
        {said.map((one, i) => (
          <span key={i} class="chat-piece" title={titleOf(one)}>
            {one.text}
          </span>
        ))}
      </section>
      {said.length > 0 && <p class="note chat-pace">{words.pace(said.length, desk.perSecond.value)}</p>}
    </>
  );
}

function titleOf({ likely }: Said): string {
  return words.likely(likely.map(({ text, probability }) => `${words.percent(probability)} ${JSON.stringify(text)}`));
}
