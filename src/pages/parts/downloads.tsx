/** The trained model to save, in one zip or file by file. Object URLs live as long as the dialog. */
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from '../../errors';
import { bytes } from '../state/format';
import type { ModelFiles } from '../tab';
import { Dialog } from './dialog';

const words = {
  heading: 'The model, as files',
  note: 'Names and shapes are those of Hugging Face transformers.',
  talk: 'Talk to a model',
  close: 'Close',
};

interface Props {
  readonly files: ModelFiles | null;
  readonly onClose: () => void;
  /** Shows a sentence. */
  readonly onProblem: (sentence: string) => void;
}

interface Item {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number;
}

export function Downloads({ files, onClose, onProblem }: Props) {
  const [items, setItems] = useState<readonly Item[]>([]);
  useEffect(() => {
    if (!files) return;
    const made: Item[] = [];
    let isOpen = true;
    const make = async () => {
      const zip = await zipOf(files);
      if (!isOpen) return;
      for (const [name, content] of [['model.zip', zip] as const, ...Object.entries(files)]) {
        made.push(itemOf(name, content));
      }
      setItems([...made]);
    };
    make().catch((error) => onProblem(sentenceOf(error)));
    return () => {
      isOpen = false;
      for (const { url } of made) URL.revokeObjectURL(url);
      setItems([]);
    };
  }, [files, onProblem]);
  return (
    <Dialog open={files !== null} label={words.heading} class="downloads" onClose={onClose}>
      <h2>{words.heading}</h2>
      <p class="note">{words.note}</p>
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
        {words.talk}
      </a>
      <button type="button" class="button button-quiet" onClick={onClose}>
        {words.close}
      </button>
    </Dialog>
  );
}

/** Not compressed: weights hardly shrink. Rejects where the code that zips cannot be loaded. */
async function zipOf(files: ModelFiles): Promise<Uint8Array> {
  const { zipSync } = await import('fflate');
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
