/** The trained model to save, in one zip or file by file. Object URLs live as long as the dialog. */
import { zipSync } from 'fflate';
import { useEffect, useState } from 'preact/hooks';
import { messages } from '../messages';
import { bytes } from '../state/format';
import type { ModelFiles } from '../tab';
import { Dialog } from './dialog';

interface Props {
  readonly files: ModelFiles | null;
  readonly onClose: () => void;
}

interface Item {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number;
}

export function Downloads({ files, onClose }: Props) {
  const [items, setItems] = useState<readonly Item[]>([]);
  useEffect(() => {
    const all = files ? [['model.zip', zipOf(files)] as const, ...Object.entries(files)] : [];
    const made = all.map(([name, content]) => itemOf(name, content));
    setItems(made);
    return () => {
      for (const { url } of made) URL.revokeObjectURL(url);
    };
  }, [files]);
  return (
    <Dialog open={files !== null} label={messages.download.heading} class="downloads" onClose={onClose}>
      <h2>{messages.download.heading}</h2>
      <p class="note">{messages.download.note}</p>
      <ul>
        {items.map(({ name, url, sizeBytes }) => (
          <li key={name}>
            <a class="button" href={url} download={name}>
              {name} <span class="note">{bytes(sizeBytes)}</span>
            </a>
          </li>
        ))}
      </ul>
      <a class="button button-quiet" href="./chat.html" target="_blank" rel="noopener">
        {messages.download.talk}
      </a>
      <button type="button" class="button button-quiet" onClick={onClose}>
        {messages.download.close}
      </button>
    </Dialog>
  );
}

/** Not compressed: weights hardly shrink. */
function zipOf(files: ModelFiles): Uint8Array {
  const utf8 = new TextEncoder();
  const bytesOf = (content: string | Uint8Array) => (typeof content === 'string' ? utf8.encode(content) : content);
  return zipSync(Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytesOf(content)])), {
    level: 0,
  });
}

function itemOf(name: string, content: string | Uint8Array): Item {
  const blob = new Blob([content as BlobPart]);
  return { name, url: URL.createObjectURL(blob), sizeBytes: blob.size };
}
