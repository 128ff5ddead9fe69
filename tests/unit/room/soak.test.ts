/** Two hours of joins and deaths on virtual time: the machine of a peer that stays does not grow. */
import { serialize } from 'node:v8';
import { expect, test } from 'vitest';
import { World } from '../../helpers/worlds/world';

const HOUR_MS = 3_600_000;

// why the limit: 1.7 million events took 9 s beside other work
test('its state grows by less than a kilobyte an hour, with a join or a death every five seconds', {
  timeout: 120_000,
}, () => {
  const sizes: number[] = [];
  const world = new World(1);
  world.soak(2 * HOUR_MS, 5_000, ({ state }) => sizes.push(serialize(state).byteLength));
  const [first, second] = [Math.max(...sizes.slice(0, 60)), Math.max(...sizes.slice(60))];
  console.info(`state: at most ${first} bytes in the first hour, ${second} in the second; ${world.time.events} events`);
  expect(second - first).toBeLessThan(1_000);
});
