/** `npm run join`: a program is one more member of a page's room, or says in one sentence why it is not. */

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { deriveRoom, newPeerId, newSecret } from '../../src/net/signaling/roomkey';
import { SocketSignaling } from '../../src/net/signaling/socketsignaling';
import { figuresOf, worstLoss } from '../helpers/figures';
import { startProgram } from '../helpers/headless';
import { reach, start, step, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=6&steps=100000';
const TOGETHER = 20;

test('a program trains in the room of a tab with the losses of one tab, and leaves it to train on', async () => {
  const host = await venue.visit(onTestFinished);
  const page = await host.arrive(RUN);
  const members = () =>
    page
      .locator('.peers')
      .getByText(/^rank \d/)
      .count();
  await start(page);
  await reach(page, 2);
  const program = startProgram('join', [page.url(), '--name', 'Lab 3']);
  const ended = program.ended.then((end) => {
    if (end.code !== 0) throw new Error(`exit ${end.code}: ${end.stderr}`);
    return end;
  });
  await Promise.race([expect.poll(members).toBe(2), ended]);
  await page.locator('.peers').getByText('Lab 3').first().waitFor();
  await reach(page, (await step(page)) + TOGETHER);
  program.child.kill('SIGINT');
  const { stderr } = await ended;
  expect(stderr).toMatch(/Training as rank \d, with 1 other\./);
  expect(stderr).toMatch(/Left at step \d+; the room keeps the run\.\n$/);
  await expect.poll(members).toBe(1);
  await reach(page, (await step(page)) + TOGETHER);
  const shared = await figuresOf(page);
  expect(shared.filter(({ bytesSent }) => bytesSent > 0).length).toBeGreaterThanOrEqual(TOGETHER);
  expect(host.complaints).toEqual([]);
  await page.close();

  const alone = await (await venue.visit(onTestFinished)).arrive(RUN);
  await start(alone);
  await reach(alone, shared.length);
  // why: one sum of six samples is taken as two of three, in 32 bits
  expect(worstLoss(shared, await figuresOf(alone))).toBeLessThan(1e-5);
});

/** The sentence with which the program ends, and its exit code. */
async function refusal(link: string): Promise<{ readonly code: number | null; readonly said: string }> {
  const { code, stdout, stderr } = await startProgram('join', [link]).ended;
  return { code, said: `${stdout}${stderr}` };
}
const sentence = (words: RegExp) => ({
  code: 1,
  said: expect.stringMatching(new RegExp(`^[^\\n]*${words.source}[^\\n]*\\n$`)),
});

test('a link that leads nowhere ends the program with one sentence', async () => {
  const link = (secret: string, base = venue.address()) => `${base}#room=${secret}`;
  expect(await refusal('room')).toEqual(sentence(/is not the link of a room/));
  expect(await refusal(link('short'))).toEqual(sentence(/is not the link of a room/));
  expect(await refusal(link(newSecret()))).toEqual(sentence(/Nobody has the room of this link open here/));
  expect(await refusal(link(newSecret(), 'http://127.0.0.1:9/'))).toEqual(
    sentence(/cannot be reached \(connect ECONNREFUSED/),
  );
  expect(await refusal(link(newSecret(), `${venue.address()}elsewhere/`))).toEqual(sentence(/response: 404/));
});

test('pages of another build end the program with one sentence that names both', async () => {
  const secret = newSecret();
  const member = new SocketSignaling({
    url: `ws://127.0.0.1:${venue.server.port}/signal`,
    room: await deriveRoom(secret),
    presence: {
      peer: newPeerId(),
      name: 'Old tab',
      adapter: '',
      state: 'willing',
      hidden: false,
      build: 'older',
      run: '',
    },
    connect: (url) => new WebSocket(url, { origin: `http://127.0.0.1:${venue.server.port}` }),
  });
  onTestFinished(() => member.close());
  await member.met;
  expect(await refusal(`${venue.address()}#room=${secret}`)).toEqual(
    sentence(/have build older and this program has build [0-9a-f]{12}: take both from the same version/),
  );
});

test('a server of another version ends the program with its sentence', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) =>
    socket.once('message', () => {
      socket.send(JSON.stringify({ t: 'refused', sentence: 'This server speaks version 2 of signaling.' }));
      socket.close(1013, 'refused');
    }),
  );
  const { port } = server.address() as { port: number };
  expect(await refusal(`http://127.0.0.1:${port}/#room=${newSecret()}`)).toEqual(sentence(/speaks version 2/));
});
