/** The chat page as a whole: where a model is dropped, the prompt, and the answer. */
import type { Said } from '../../worker/chat/talkclient';
import { Banner } from '../parts/banner';
import type { ChatDesk, ChatSettings } from './desk';
import { filesOfDrop, readModelFiles } from './files';
import { words } from './words';

export function App({ desk }: { readonly desk: ChatDesk }) {
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    if (event.dataTransfer) void desk.open(filesOfDrop(event.dataTransfer).then(readModelFiles));
  };
  const isOpen = desk.phase.value === 'ready' || desk.phase.value === 'answering';
  return (
    <main class="chat" onDragOver={(event) => event.preventDefault()} onDrop={onDrop}>
      <header>
        <a class="chat-brand" href="./index.html">
          {words.brand}
        </a>
        <h1>{words.heading}</h1>
        <p class="note">{words.what}</p>
      </header>
      <Banner kind="problem" sentence={desk.problem.value} onDismiss={() => (desk.problem.value = '')} />
      <Banner kind="note" sentence={desk.note.value} onDismiss={() => (desk.note.value = '')} />
      <Chooser desk={desk} isOpen={isOpen} />
      {isOpen && <Question desk={desk} />}
      {desk.asked.value !== '' && <Answer asked={desk.asked.value} said={desk.said.value} />}
      {desk.said.value.length > 0 && (
        <p class="note chat-pace">{words.pace(desk.said.value.length, desk.perSecond.value)}</p>
      )}
    </main>
  );
}

function Chooser({ desk, isOpen }: { readonly desk: ChatDesk; readonly isOpen: boolean }) {
  const onFiles = (event: { readonly currentTarget: HTMLInputElement }) => {
    const files = [...(event.currentTarget.files ?? [])];
    if (files.length > 0) void desk.open(readModelFiles(files));
  };
  const folder = (input: HTMLInputElement | null) => input?.setAttribute('webkitdirectory', '');
  return (
    <section class={isOpen ? 'chat-drop chat-drop-open' : 'chat-drop'}>
      <p>{desk.phase.value === 'opening' ? words.opening : isOpen ? words.another : words.drop}</p>
      <div class="chat-drop-buttons">
        <label class="button">
          {words.folder}
          <input ref={folder} type="file" class="visually-hidden" onChange={onFiles} />
        </label>
        <label class="button button-quiet">
          {words.files}
          <input type="file" multiple class="visually-hidden" onChange={onFiles} />
        </label>
      </div>
    </section>
  );
}

function Question({ desk }: { readonly desk: ChatDesk }) {
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

function Answer({ asked, said }: { readonly asked: string; readonly said: readonly Said[] }) {
  return (
    <section class="chat-answer" aria-label={words.answer} aria-live="off">
      <span class="chat-asked">{asked}</span>
      {said.map((one, i) => (
        <span key={i} class="chat-piece" title={titleOf(one)}>
          {one.text}
        </span>
      ))}
    </section>
  );
}

function titleOf({ likely }: Said): string {
  return words.likely(likely.map(({ text, probability }) => `${words.percent(probability)} ${JSON.stringify(text)}`));
}
