/**
 * A model on the first page, in real browsers: a folder of a GPT-2 is dropped, talked to, fine-tuned by two tabs, saved as one
 * zip, and that zip is dropped again. tests/reference/tinygpt2.py made the model and what transformers answers.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Checkpoint, folderOf } from '../helpers/checkpoints';
import { temporaryFolder } from '../helpers/headless';
import { reach, seriousFindings, start, step, Venue, widthOf } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const reference = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../reference/${name}.json`), 'utf8'));
const tiny = reference('tinygpt2') as Checkpoint & { prompt: string; tokens: number; answer: string };

/** The model as a folder on the disk, as transformers writes one. */
function writeModel(): string {
  const path = join(temporaryFolder(onTestFinished), 'tiny-gpt2');
  mkdirSync(path);
  const { names, read } = folderOf(tiny);
  for (const name of names) writeFileSync(join(path, name), read(name));
  writeFileSync(join(path, 'tokenizer.json'), JSON.stringify(reference('tokenizers').gpt2.json));
  writeFileSync(join(path, 'vocab.txt'), 'no file of ours');
  return path;
}

/** A real drop: a person drags a file or a folder from the desktop onto the page. */
async function drop(page: Page, path: string): Promise<void> {
  const client = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await client.send('Input.dispatchDragEvent', { type, x: 300, y: 200, data });
  }
}

/** What the open model says to the prompt, most probable tokens only. */
async function answer(page: Page): Promise<string | null> {
  await page.getByPlaceholder('Text to go on with').fill(tiny.prompt);
  await page.getByLabel('Temperature').fill('0');
  await page.getByLabel('Tokens', { exact: true }).fill(String(tiny.tokens));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText(`${tiny.tokens} tokens, `).waitFor();
  return page.locator('.chat-answer').textContent();
}

async function zipOf(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Download model' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('model.zip').click()]);
  const path = join(temporaryFolder(onTestFinished), 'model.zip');
  await download.saveAs(path);
  await page.getByRole('button', { name: 'Close' }).click();
  return path;
}

test('a folder is dropped, answers as in transformers, is tuned by two tabs, and its zip answers the same everywhere', async () => {
  const visitor = await venue.visit(onTestFinished);
  const a = await visitor.arrive();
  await drop(a, writeModel());
  await a.getByText('GPT-2, 26.1 k parameters: 2 layers, width 24, 421 tokens').waitFor();
  await a.getByText('resid_pdrop 0.1, embd_pdrop 0.1 and attn_pdrop 0.1 of config.json are not applied').waitFor();
  await a.getByRole('button', { name: 'Talk to it' }).click();
  expect(await answer(a)).toBe(tiny.answer);
  expect(await seriousFindings(a)).toEqual([]);
  await a.setViewportSize({ width: 390, height: 844 });
  expect(await widthOf(a)).toBeLessThanOrEqual(390);

  await a.getByLabel('First names').check();
  await a.getByLabel('Steps').fill('120');
  await a.getByLabel('Context (tokens)').fill('32');
  await a.getByLabel('Learning rate').fill('0.003');
  await start(a);
  await a.getByRole('button', { name: 'Pause' }).click();
  await a.getByRole('button', { name: 'Resume' }).waitFor();
  const guest = await venue.visit(onTestFinished);
  const b = await guest.open('', a.url());
  await expect.poll(() => b.locator('.button-big').textContent()).toBe('Join the training');
  await start(b);
  await expect.poll(() => a.locator('.people .badge').textContent()).toBe('2');
  const begun = await step(a);
  expect(begun).toBeLessThan(100);
  await a.getByRole('button', { name: 'Resume' }).click();
  for (const page of [a, b]) await reach(page, 120);
  await expect.poll(() => b.locator('.peers').textContent()).toMatch(/rank [01]/);

  const [mine, theirs] = [await zipOf(a), await zipOf(b)];
  const other = await venue.visit(onTestFinished);
  const again = await other.arrive();
  await drop(again, mine);
  await again.getByRole('button', { name: 'Talk to it' }).click();
  const tuned = await answer(again);
  expect(tuned).not.toBe(tiny.answer);
  const chat = await other.open('chat.html');
  await chat.locator('input[type=file]').nth(1).setInputFiles(theirs);
  expect(await answer(chat)).toBe(tuned);
  expect([visitor, guest, other].flatMap(({ complaints }) => complaints)).toEqual([]);
});

test('what is no model says why, and the page trains from the beginning as before', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.arrive('#layers=1&heads=2&headSize=8&context=16&batch=4&steps=20');
  const folder = writeModel();
  const config = readFileSync(join(folder, 'config.json'), 'utf8');
  await drop(page, join(folder, 'tokenizer.json'));
  await page.getByText('There is no config.json among these files').waitFor();
  writeFileSync(join(folder, 'config.json'), config.replace('gelu_new', 'silu'));
  await drop(page, folder);
  await page.getByText('activation_function of config.json is "silu"').waitFor();
  writeFileSync(join(folder, 'config.json'), config);
  await drop(page, folder);
  await page.getByText('The model to start from').waitFor();
  await page.getByRole('button', { name: 'Train from the beginning instead' }).click();
  await start(page);
  await reach(page, 20);
  expect(visitor.complaints).toEqual([]);
});
