/**
 * `npm run bench -- votes`: the time of a step in a room of four that train while thirty phones (frames) are in the room,
 * and while they vote again and again.
 */
import type { Frame, Page } from 'playwright-core';
import { inLecture, median } from './room';

const PHONES = 30;
const STEPS = 20;
const QUESTIONS = 6;

export function benchVotes(onResult: (result: object) => void): Promise<string> {
  return inLecture(async ({ page, visitor, secret, adapter }) => {
    await page.keyboard.press('4');
    await page.locator('.strip-plan').getByText('pp 4 (1f1b)', { exact: true }).waitFor();
    const alone = await stepMs(page);
    onResult({ alone });
    const hall = await visitor.open('notices.txt');
    await hall.evaluate(
      ({ count, secret }) => {
        for (let i = 0; i < count; i++) {
          const phone = document.createElement('iframe');
          phone.src = `./index.html#room=${secret}`;
          document.body.append(phone);
        }
      },
      { count: PHONES, secret },
    );
    await page.bringToFront();
    const phones = hall.frames().slice(1);
    for (const phone of phones) await phone.locator('.device-slow, .device-yes').first().waitFor();
    const quiet = await stepMs(page);
    onResult({ quiet });
    let asking = true;
    const voting = (async () => {
      for (let round = 0; asking; round++) await ask(page, phones, round);
    })();
    const voted = await stepMs(page);
    asking = false;
    await voting;
    onResult({ voted });
    return [
      `four paced tabs under pp 4, median of ${STEPS} steps, ${adapter}`,
      `alone ${alone.toFixed(0)} ms, ${PHONES} phones in the room ${quiet.toFixed(0)} ms, voting ${voted.toFixed(0)} ms`,
      `voting against quiet: ${(100 * (voted / quiet - 1)).toFixed(1)} %`,
    ].join('\n');
  });
}

/** Ask a question, let every phone vote, reveal and close. */
async function ask(page: Page, phones: readonly Frame[], round: number): Promise<void> {
  await page.keyboard.press('g');
  for (const phone of phones)
    await phone
      .locator('.question .button')
      .nth(round % 3)
      .click();
  await page.locator('.nav-count').getByText(`${phones.length} votes`).waitFor();
  await page.getByRole('button', { name: 'Reveal' }).click();
  await page.locator('.guess-why').waitFor();
  if (round % QUESTIONS === QUESTIONS - 1) await page.getByRole('button', { name: 'Show the scene' }).click();
}

/** Median time between two steps that the tabs report, over STEPS steps. */
async function stepMs(page: Page): Promise<number> {
  const times = await page.evaluate(async (steps) => {
    const label = () => document.querySelector('.loss-strip')?.getAttribute('aria-label') ?? '';
    const stepOf = () => Number(/step ([\d,]+)/.exec(label())?.[1]?.replaceAll(',', '') ?? -1);
    const seen: { step: number; ms: number }[] = [];
    while (seen.length < steps + 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const step = stepOf();
      if (step > (seen.at(-1)?.step ?? -1)) seen.push({ step, ms: performance.now() });
    }
    return seen.slice(1).map(({ step, ms }, i) => (ms - seen[i]!.ms) / (step - seen[i]!.step));
  }, STEPS);
  return median(times);
}
