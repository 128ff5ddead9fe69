/** The chat page in a real browser: a model from files and from a zip, streamed tokens, the same text as in Node. */
import { zipSync } from 'fflate';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { makeTokenizer } from '../../src/train/data/tokenizer';
import { modelFiles } from '../../src/train/files/checkpoint';
import { parseRunFile } from '../../src/train/runfile';
import { seedElements } from '../../src/train/state/elements';
import { holdingUnder, SINGLE } from '../../src/train/state/sync';
import { seriousFindings, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const TEXT = 'the sea, the ship, the whale; ';

/** An untrained model and its tokenizer, as files. */
async function files(): Promise<Record<string, Buffer>> {
  const tokenizer = makeTokenizer('char', TEXT, 0);
  const { model } = parseRunFile({ model: { vocab: tokenizer.size, context: 32 } });
  const holding = holdingUnder(model, SINGLE);
  const weights = await seedElements(model, 1).read('param', holding.param.held);
  return Object.fromEntries(
    Object.entries(modelFiles(model, tokenizer, weights)).map(([name, content]) => [name, Buffer.from(content)]),
  );
}

test('a model is dropped, goes on with a text, says what it lacks, and its zip beside it answers the same', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open('chat.html');
  const model = await files();
  const answerTo = async (upload: { name: string; mimeType: string; buffer: Buffer }[]) => {
    await page.locator('input[type=file]').nth(1).setInputFiles(upload);
    await page.locator('textarea').fill('the Sea');
    await page.getByLabel('Temperature').fill('0');
    await page.getByLabel('Tokens').fill('40');
    const t0 = performance.now();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('.chat-piece').first().waitFor();
    console.info(`click to the first token: ${Math.round(performance.now() - t0)} ms`);
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    await page.getByText('40 tokens').last().waitFor();
    return page.locator('.chat-answer').last().textContent();
  };
  const mimeType = 'application/octet-stream';
  const first = await answerTo(Object.entries(model).map(([name, buffer]) => ({ name, mimeType, buffer })));
  expect(first).toMatch(/^the Sea/);
  // 40 tokens of one character each: more than the context of 32 holds
  expect(first).toHaveLength('the Sea'.length + 40);
  await page.getByText('The model has no token for "S": left out.').waitFor();
  expect(await page.locator('.chat-piece').first().getAttribute('title')).toMatch(/%/);

  // its zip beside it: both answer one question
  const zip = Buffer.from(zipSync(Object.fromEntries(Object.entries(model).map(([name, one]) => [name, one]))));
  expect(await answerTo([{ name: 'step 200.zip', mimeType, buffer: zip }])).toBe(first);
  const heads = page.locator('.chat-model h2');
  expect(await heads.allTextContents()).toEqual(['Model 1', 'step 200']);
  expect(await page.locator('.chat-answer').allTextContents()).toEqual([first, first]);
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Remove Model 1' }).click();
  await expect.poll(() => page.locator('.chat-answer').count()).toBe(1);

  const [config] = Object.entries(model).filter(([name]) => name === 'config.json');
  const broken = Buffer.from(config![1].toString().replace('gelu_new', 'silu'));
  await page
    .locator('input[type=file]')
    .nth(1)
    .setInputFiles([{ name: 'config.json', mimeType, buffer: broken }]);
  await page.getByText('activation_function of config.json is "silu"').waitFor();
  expect(visitor.complaints).toEqual([]);
});
