/** Talking to an open model: the prompt with its settings, and the answer. */
import type { Said } from '../../worker/chat/talkclient';
import type { ChatDesk, ChatSettings } from './desk';
import type { OpenModel } from './openmodel';
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
          <button type="submit" class="button" disabled={desk.prompt.value === '' || desk.phase.value !== 'ready'}>
            {words.go}
          </button>
        )}
      </div>
    </form>
  );
}

/** The text that was asked for and what each model said so far; nothing before the first question. */
export function AnswerText({ desk }: { readonly desk: ChatDesk }) {
  const models = desk.models.value;
  if (desk.asked.value === '' && models.length < 2) return null;
  return (
    <div class="chat-answers">
      {models.map((model) => (
        <ModelAnswer key={model.name} desk={desk} model={model} hasName={models.length > 1} />
      ))}
    </div>
  );
}

interface AnswerProps {
  readonly desk: ChatDesk;
  readonly model: OpenModel;
  /** There are others beside it. */
  readonly hasName: boolean;
}

function ModelAnswer({ desk, model, hasName }: AnswerProps) {
  const said = model.said.value;
  return (
    <div class="chat-model">
      {hasName && (
        <div class="chat-model-head">
          <h2>{model.name}</h2>
          <button
            type="button"
            class="button button-quiet"
            disabled={desk.phase.value !== 'ready'}
            aria-label={words.removeModel(model.name)}
            onClick={() => desk.remove(model)}
          >
            {words.remove}
          </button>
        </div>
      )}
      <section class="chat-answer" aria-label={words.answerOf(model.name)} aria-live="off">
        <span class="chat-asked">{desk.asked.value}</span>
        {said.map((one, i) => (
          <span key={i} class="chat-piece" title={titleOf(one)}>
            {one.text}
          </span>
        ))}
      </section>
      {said.length > 0 && <p class="note chat-pace">{words.pace(said.length, model.perSecond.value)}</p>}
    </div>
  );
}

function titleOf({ likely }: Said): string {
  return words.likely(likely.map(({ text, probability }) => `${words.percent(probability)} ${JSON.stringify(text)}`));
}
