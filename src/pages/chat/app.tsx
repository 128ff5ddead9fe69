/** The chat page as a whole: where a model is dropped, the prompt, and the answer. */
import { Banner } from '../parts/banner';
import { entriesOf } from '../parts/entries';
import type { ChatDesk } from './desk';
import { filesOf, modelName, readModelFiles } from './files';
import { AnswerText, PromptForm } from './talk';
import { words } from './words';

export function App({ desk }: { readonly desk: ChatDesk }) {
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    if (!event.dataTransfer) return;
    const entries = entriesOf(event.dataTransfer);
    void desk.open(filesOf(entries).then(readModelFiles), newName(desk, modelName(entries)));
  };
  const isOpen = desk.models.value.length > 0;
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
      {isOpen && <PromptForm desk={desk} />}
      <AnswerText desk={desk} />
    </main>
  );
}

/** `name` or a number where there is none; told apart from the models that are open. */
function newName({ models }: ChatDesk, name: string): string {
  const taken = new Set(models.value.map((model) => model.name));
  for (let n = 1; ; n++) {
    const free = name === '' ? words.model(n) : n === 1 ? name : `${name} (${n})`;
    if (!taken.has(free)) return free;
  }
}

function Chooser({ desk, isOpen }: { readonly desk: ChatDesk; readonly isOpen: boolean }) {
  const onFiles = (event: { readonly currentTarget: HTMLInputElement }) => {
    const files = [...(event.currentTarget.files ?? [])];
    if (files.length > 0) void desk.open(readModelFiles(files), newName(desk, modelName(files)));
    // so that the same files can be chosen again
    event.currentTarget.value = '';
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
