/**
 * `npm run join`: this machine's Node and GPU become a member of a page's room, like one more tab, until the run ends or
 * Ctrl-C.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InputError } from '../errors';
import { MEMBER_MS } from '../net/membership/member';
import type { Room } from '../net/room/room';
import { BUILD } from '../net/signaling/build';
import { builtInText } from '../train/data/texts';
import type { StartOptions } from '../worker/api';
import { WatchedMember } from '../worker/watch/watchedmember';
import { endProcess, type Help, runCommand } from './command';
import { enterRoom, readLink } from './run/enter';
import { MemberLog } from './run/memberlog';
import { openNodeEngine } from './run/nodeengine';

const USAGE = 'npm run join -- LINK [--name NAME]';
const OPTIONS = { name: { type: 'string', default: 'Node program' } } as const;
const pages = join(import.meta.dirname, '..', 'pages');

const HELP: Help = {
  about: "Makes this machine's GPU a member of the room of a link, like one more tab, without a browser.",
  usage: USAGE,
  examples: [
    ['npm run join -- "http://host:8080/#room=..."', 'trains with the pages of that room; Ctrl-C leaves it'],
    ['npm run join -- "https://host/#room=..." --name Lab-3', 'under a name that the others see'],
  ],
};

function readArgs(argv: readonly string[]): { readonly link: string; readonly name: string } {
  let parsed: ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new InputError(`${(error as Error).message.split('.')[0]}. Usage: ${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [link] = positionals;
  if (link === undefined || positionals.length > 1) throw new InputError(`One link is needed. Usage: ${USAGE}`);
  return { link, name: values.name };
}

/** The built-in texts that are on this machine; any other comes from a peer. */
function builtInSources(): Record<string, Uint8Array> {
  const names = ['moby-dick', 'names'].map((name) => [name, join(pages, builtInText(name)!)] as const);
  return Object.fromEntries(
    names.filter(([, path]) => existsSync(path)).map(([name, path]) => [name, readFileSync(path)]),
  );
}

const startOptions = (room: Room): StartOptions => ({
  self: room.self,
  build: BUILD,
  run: '',
  sources: builtInSources(),
  sampling: true,
  balancing: true,
  keepTrace: false,
});

await runCommand(HELP, async (argv) => {
  const { link, name } = readArgs(argv);
  const room = await enterRoom(readLink(link), name);
  const log = new MemberLog(process.stderr);
  log.entered(room);
  room.onTrouble((sentence) => log.say(sentence));
  let isLeaving = false;
  /** Ends the wait for the lecturer's next run. */
  let wake = () => {};
  const member = new WatchedMember({
    room,
    onStatus: (status) => log.status(status),
    onOrder(order) {
      if (order.t === 'leave') log.say('The lecturer has removed this program from the run.');
      if (order.t === 'join') wake();
    },
    vanish() {
      console.error('The lecturer dropped this program, as if it had died: start it again to come back.');
      process.exit(1);
    },
  });
  const rank = await openNodeEngine(room, member);
  member.setRank(rank);
  const onSignal = () => {
    if (isLeaving) process.exit(130);
    isLeaving = true;
    log.say('Leaving at the end of the step; once more ends at once.');
    rank.stop();
    wake();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const hasLecturer = () => [...room.roster.values()].some(({ signal }) => signal);
  while (!isLeaving) {
    const { end, step } = await rank.start(startOptions(room));
    log.ended(end, step);
    if (isLeaving || !hasLecturer()) break;
    log.say('Waiting for what the lecturer starts next.');
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  // why: other members may still be receiving this one's last frames
  await new Promise((resolve) => setTimeout(resolve, room.roster.size > 1 ? MEMBER_MS.linger : 0));
  rank.close();
  room.close();
  await endProcess(0);
});
