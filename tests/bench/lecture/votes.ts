/**
 * `npm run bench -- votes`: the time of a step in a room of four that train while thirty phones (frames) are in the room,
 * and while they vote again and again.
 */
import type { Page } from 'playwright-core';
import { inLecture, median } from './room';

const PHONES = 30;
/** Steps of each part; parts with and without votes take turns. */
const STEPS = 12;
const TURNS = 3;
const QUESTIONS = 6;
/** From one question to the next: still faster than people read them. */
const EVERY_MS = 3000;

export function benchVotes(onResult: (result: object) => void): Promise<string> {
  return inLecture(async ({ page, visitor, secret, adapter }) => {
    await page.keyboard.press('4');
    await page.locator('.strip-plan').getByText('pp 4 (1f1b)', { exact: true }).waitFor();
    const alone = await stepsMs(page);
    onResult({ alone: median(alone) });
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
    onResult({ phones: phones.length });
    const quiet: number[] = [];
    const voted: number[] = [];
    let round = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      quiet.push(...(await stepsMs(page)));
      let asking = true;
      const voting = (async () => {
        for (; asking; round++) {
          await ask(page, hall, round);
          await page.waitForTimeout(EVERY_MS);
        }
      })();
      voted.push(...(await stepsMs(page)));
      asking = false;
      await voting;
      onResult({ turn, questions: round, quiet: median(quiet.slice(-STEPS)), voted: median(voted.slice(-STEPS)) });
    }
    const ms = (times: readonly number[]) => median(times).toFixed(0);
    return [
      `four paced tabs under pp 4, medians of ${TURNS} times ${STEPS} steps in turns, ${adapter}`,
      `alone ${ms(alone)} ms, ${PHONES} phones in the room ${ms(quiet)} ms, ${round} questions, one every ${EVERY_MS / 1000} s, with ${PHONES} votes each ${ms(voted)} ms`,
      `voting against quiet: ${(100 * (median(voted) / median(quiet) - 1)).toFixed(1)} %`,
    ].join('\n');
  });
}

/** Ask a question, let every phone vote, reveal and close. */
async function ask(page: Page, hall: Page, round: number): Promise<void> {
  await page.keyboard.press('g');
  // why in one call: thirty clicks by the driver cost more than the votes
  await hall.evaluate(async (option) => {
    const button = (phone: HTMLIFrameElement) =>
      phone.contentDocument!.querySelectorAll<HTMLElement>('.question .button')[option];
    for (const phone of document.querySelectorAll('iframe')) {
      while (!button(phone)) await new Promise((resolve) => setTimeout(resolve, 50));
      button(phone)!.click();
    }
  }, round % 3);
  await page.locator('.nav-count').getByText(`${PHONES} votes`).waitFor();
  await page.getByRole('button', { name: 'Reveal' }).click();
  await page.locator('.guess-why').waitFor();
  if (round % QUESTIONS === QUESTIONS - 1) await page.getByRole('button', { name: 'Show the scene' }).click();
}

/** The times between two steps that the tabs report, over STEPS steps. */
function stepsMs(page: Page): Promise<readonly number[]> {
  return page.evaluate(async (steps) => {
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
}
