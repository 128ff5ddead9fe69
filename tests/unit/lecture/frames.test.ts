/** Frames of a page: one larger job each, smaller ones together, each asked for once. */
import { afterEach, expect, test, vi } from 'vitest';
import { Frames } from '../../../src/pages/lecture/show/frames';

const waiting: Array<() => void> = [];
vi.stubGlobal('requestAnimationFrame', (then: () => void) => waiting.push(then));
const show = () => waiting.splice(0).forEach((then) => void then());
afterEach(() => void waiting.splice(0));

/** The clock, which only work moves. */
let nowMs = 0;
vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
const work = (ms: number) => {
  nowMs += ms;
};

test('a frame that has done a larger job leaves the rest to the next one', () => {
  const frames = new Frames();
  const done: string[] = [];
  frames.request(() => {
    work(10);
    done.push('large');
  });
  frames.request(() => void done.push('small'));
  frames.request(() => void done.push('smaller'));
  show();
  expect(done).toEqual(['large']);
  show();
  expect(done).toEqual(['large', 'small', 'smaller']);
  expect(waiting).toEqual([]);
});

test('what is asked for twice runs once, and again when it is asked for while it runs', () => {
  const frames = new Frames();
  let runs = 0;
  const job = () => {
    runs += 1;
    if (runs === 1) frames.request(job);
  };
  frames.request(job);
  frames.request(job);
  show();
  expect(runs).toBe(1);
  show();
  expect(runs).toBe(2);
  expect(waiting).toEqual([]);
});
