/** Two peers that may use a TURN server only, with the credentials that the signaling server gives them (coturn). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import wrtc from '@roamhq/wrtc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lanAddresses } from '../../../src/cli/machine/addresses';
import type { Wrtc } from '../../../src/net/room/webrtc';
import { TURN_VALID_MS, type TurnServer, turnFor } from '../../../src/server/turn';
import { temporaryFolder } from '../../helpers/headless';
import { wrtcPair } from '../../helpers/wrtc';

const never = new AbortController().signal;
const [host] = await lanAddresses();
const hasCoturn = spawnSync('turnserver', ['--help']).error === undefined;
const canRun = hasCoturn && host !== undefined;
if (!canRun) console.info('TURN is not tested: it needs coturn (apt install coturn) and an address besides loopback.');

/** Connections that take no way but TURN. */
const onlyTurn = {
  ...wrtc,
  RTCPeerConnection: class extends wrtc.RTCPeerConnection {
    constructor(given: RTCConfiguration) {
      super({ ...given, iceTransportPolicy: 'relay' });
    }
  },
} as unknown as Wrtc;

test('credentials hold for twelve hours and are those of the TURN REST API', () => {
  const server = { urls: ['turn:t:3478'], secret: 'north' };
  expect(TURN_VALID_MS).toBe(12 * 3_600_000);
  // echo -n 43200:a | openssl dgst -sha1 -hmac north -binary | base64
  expect(turnFor(server, 'a', 0)).toEqual({
    urls: server.urls,
    username: '43200:a',
    credential: 'IgPhTpNCmtVutHW4V4hFqoYrP+o=',
  });
});

describe.skipIf(!canRun)('over coturn', () => {
  let coturn: ChildProcess;
  let server: TurnServer;
  beforeAll(async () => {
    const port = await freePort();
    const folder = temporaryFolder(afterAll);
    server = { urls: [`turn:${host}:${port}?transport=udp`], secret: 'the secret of both servers' };
    coturn = spawn('turnserver', [
      ...[
        '-n',
        '--no-cli',
        '--no-tls',
        '--no-dtls',
        '--realm=tabtrain',
        '--log-file=stdout',
        `--pidfile=${join(folder, 'pid')}`,
      ],
      ...[`--listening-ip=${host}`, `--relay-ip=${host}`, `--listening-port=${port}`],
      ...['--use-auth-secret', `--static-auth-secret=${server.secret}`],
    ]);
    await new Promise<void>((resolve, reject) => {
      let said = '';
      coturn.stdout!.on('data', (data: Buffer) => {
        said += data;
        if (/Total General servers/.test(said)) resolve();
      });
      coturn.on('close', () => reject(new Error(`turnserver has ended: ${said}`)));
    });
  });
  afterAll(() => void coturn.kill());

  test('two peers connect through it, and messages cross', async () => {
    const iceServers = [turnFor(server, 'a', Date.now())];
    const pair = await wrtcPair(undefined, { iceServers, wrtc: onlyTurn });
    const payload = new Uint8Array(300_000).fill(7);
    void pair.transports[0].send('b', '1/0/x', payload);
    expect(Buffer.compare(await pair.transports[1].recv('a', '1/0/x', never), payload)).toBe(0);
    pair.close();
  });

  test('credentials that have ended, or of another secret, open nothing', async () => {
    for (const turn of [
      turnFor(server, 'a', Date.now() - 2 * TURN_VALID_MS),
      turnFor({ ...server, secret: 'another' }, 'a', Date.now()),
    ]) {
      await expect(wrtcPair(undefined, { iceServers: [turn], wrtc: onlyTurn, timeoutMs: 3_000 })).rejects.toThrow(
        'the TURN server refused the password',
      );
    }
  });
});

function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.bind(0, host, () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
