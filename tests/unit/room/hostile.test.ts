/**
 * Hostile members and clients: random messages, well formed or not, to a member's machine and to the server's rooms.
 * Nothing throws but ProtocolError, and nothing grows. `npm run test:hostile` sends a million.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtocolError } from '../../../src/errors';
import { parseMembershipMessage } from '../../../src/net/membership/declaration';
import { reduce } from '../../../src/net/membership/reduce';
import { initialState, type Setting } from '../../../src/net/membership/state';
import { parsePresence } from '../../../src/net/signaling/presence';
import { voteOf } from '../../../src/net/signaling/question';
import type { Presence } from '../../../src/net/signaling/signaling';
import { parsePlan } from '../../../src/plan/plan';
import { Hub } from '../../../src/server/hub';
import { fitRun } from '../../../src/worker/fit';
import { idOf, RUN } from '../../helpers/simroom';

const COUNT = Number(process.env.TABTRAIN_HOSTILE ?? 2_000);
const PER_RUN = 50;
const settings = { numRuns: COUNT / PER_RUN, seed: 20261130 };
const [SELF, HOSTILE, HONEST] = [idOf(1), idOf(2), idOf(3)];
/** The state of a machine that has heard hostile messages, as JSON. */
const MOST_CHARACTERS = 200_000;

const id = fc.constantFrom(SELF, HOSTILE, HONEST, '', 'nobody');
const number = fc.oneof(fc.nat(5), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant(-1), fc.constant(1.5));
const text = fc.oneof(fc.constantFrom('', RUN.text, 'x'.repeat(16_384), '{"model":{"layers":1e9}}'), fc.string());
const plan = fc.oneof(
  fc.constant({}),
  fc.record({ dp: number, pp: number, tp: number, zero: number, microbatches: number }),
);
const declaration = fc.record({
  number,
  peers: fc.array(id, { maxLength: 6 }),
  plan,
  paused: fc.boolean(),
  run: text,
  runHash: fc.constantFrom('', 'run', 'other'),
  authority: id,
  holds: number,
  broken: number,
  lost: id,
  from: number,
});
const report = fc.record({
  seq: number,
  heard: number,
  by: id,
  entered: number,
  broke: number,
  lost: id,
  waiting: fc.boolean(),
  links: fc.array(id, { maxLength: 6 }),
});
const message = fc.oneof(
  fc.record({ t: fc.constant('declare'), declaration }),
  fc.record({ t: fc.constant('report'), report }),
  fc.record({ t: fc.constant('go'), number, by: id }),
  fc.record({ t: fc.constant('hello'), heard: number }),
  fc.record({ t: fc.constant('heard'), seq: number }),
  fc.record({ t: fc.constant('left'), reason: text }),
  fc.record({ t: fc.constant('ask'), paused: fc.boolean(), plan, remove: id }),
  fc.jsonValue(),
);

/** The value, or undefined if it is refused as it should be. */
function parsed<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}

test('a member that says anything: the machine of another stands, and stays small', () => {
  const setting: Setting = { self: SELF, build: 'b', run: RUN, plan: parsePlan({}), fit: fitRun };
  const presence = (peer: string): Presence => {
    return { peer, name: peer, adapter: '', state: 'willing', hidden: false, build: 'b', run: 'run' };
  };
  const roster = new Map([SELF, HOSTILE, HONEST].map((peer) => [peer, presence(peer)]));
  fc.assert(
    fc.property(fc.array(message, { minLength: PER_RUN, maxLength: PER_RUN }), (messages) => {
      let now = 0;
      let state = initialState(setting);
      const happen = (event: Parameters<typeof reduce>[2]) => {
        now += 40;
        ({ state } = reduce(setting, state, event, now));
      };
      happen({ e: 'roster', roster });
      happen({ e: 'border', after: 0 });
      for (const peer of [HOSTILE, HONEST]) happen({ e: 'linked', peer });
      for (const said of messages) {
        const heard = parsed(() => parseMembershipMessage(JSON.parse(JSON.stringify(said))));
        if (heard) happen({ e: 'heard', from: HOSTILE, message: heard });
        else happen({ e: 'time' });
      }
      const kept = JSON.stringify(state, (_, value) => (value instanceof Map ? [...value] : value));
      expect(kept.length).toBeLessThan(MOST_CHARACTERS);
    }),
    settings,
  );
});

const question = fc.record(
  {
    id: fc.constantFrom('depth-1', '', '../x', 'x'.repeat(41)),
    text: fc.oneof(fc.string(), fc.constantFrom('x'.repeat(16_384), '\u202egnp')),
    options: fc.array(fc.oneof(fc.string(), text), { maxLength: 10 }),
    outcome: fc.record({ right: number, why: fc.string(), votes: fc.array(number, { maxLength: 10 }) }),
  },
  { requiredKeys: ['id', 'text', 'options'] },
);

test('whatever is no vote is read as none', () => {
  const vote = fc.record({ t: fc.constantFrom('vote', 'x'), id: fc.string(), choice: number }, { requiredKeys: [] });
  fc.assert(
    fc.property(fc.array(fc.oneof(vote, fc.jsonValue()), { maxLength: PER_RUN }), (all) => {
      for (const value of all) {
        const read = voteOf(value);
        if (read) expect(read.choice >= 0 && read.choice < 8 && /^[\w-]{1,40}$/.test(read.id)).toBe(true);
      }
    }),
    settings,
  );
});

test('any presence is refused or cleaned', () => {
  const presence = fc.record(
    {
      name: text,
      adapter: text,
      state: fc.constantFrom('observer', 'willing', 'paused', 'x'),
      hidden: fc.boolean(),
      build: fc.string(),
      run: fc.string(),
      left: text,
      holds: number,
      question: fc.oneof(question, fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(presence, fc.jsonValue()), { maxLength: PER_RUN }), (all) => {
      for (const value of all) {
        const clean = parsed(() => parsePresence(HOSTILE, value));
        if (!clean) continue;
        expect([...clean.name].length).toBeLessThanOrEqual(32);
        expect(clean.left?.length ?? 0).toBeLessThanOrEqual(200);
        const { text: asked = '', options = ['', ''] } = clean.question ?? {};
        for (const [line, most] of [[asked, 300], ...options.map((option) => [option, 100] as const)] as const) {
          expect([...line].length).toBeLessThanOrEqual(most);
          expect(line).not.toMatch(/[\p{Cc}\u202e]/u);
        }
        expect(options.length).toBeGreaterThanOrEqual(2);
        expect(options.length).toBeLessThanOrEqual(8);
      }
    }),
    settings,
  );
});

test('a client that says anything to the server is closed or served, and leaves nothing behind', () => {
  const client = fc.oneof(
    fc.record({
      t: fc.constant('hello'),
      v: fc.constant(1),
      room: fc.constant('r'.repeat(22)),
      peer: id,
      token: text,
      seal: text,
    }),
    fc.record({ t: fc.constant('send'), to: id, seal: text }),
    fc.record({ t: fc.constant('announce'), seal: text }),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.array(client, { minLength: PER_RUN, maxLength: PER_RUN }), (messages) => {
      const hub = new Hub(() => 0);
      const socket = { send: () => {}, close: () => {}, backlogBytes: 0 };
      const connections = [hub.connect(socket), hub.connect(socket)];
      for (const [n, said] of messages.entries())
        connections[n % 2]!.receive(JSON.stringify(said).slice(n % 7 === 0 ? 1 : 0));
      for (const connection of connections) connection.closed();
      expect(hub.roomCount).toBe(0);
    }),
    settings,
  );
});
