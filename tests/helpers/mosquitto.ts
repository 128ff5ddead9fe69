/** mosquitto, where it is installed: an MQTT broker that speaks WebSocket. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './headless';
import { freePort, listening } from './ports';

export const MOSQUITTO = ['mosquitto', '/usr/sbin/mosquitto'].find(
  (name) => spawnSync(name, ['-h']).error === undefined,
);

const listener = (port: number) => `listener ${port} 127.0.0.1\nallow_anonymous true\n`;

/** Returns the broker's address for pages. `onEnd` gets what ends it. */
export async function startMosquitto(onEnd: (close: () => void | Promise<void>) => void): Promise<string> {
  const folder = temporaryFolder((remove) => onEnd(remove));
  const [plain, port] = [await freePort(), await freePort()];
  // why two: version 2.0.11 ends when it has a listener for WebSockets only
  writeFileSync(join(folder, 'conf'), `${listener(plain)}${listener(port)}protocol websockets\n`);
  const broker = spawn(MOSQUITTO!, ['-c', join(folder, 'conf')], { stdio: 'ignore' });
  const ended = new Promise((resolve) => broker.once('exit', resolve));
  onEnd(async () => {
    broker.kill();
    await ended;
  });
  await Promise.race([listening(port), ended]);
  return `ws://127.0.0.1:${port}/mqtt`;
}
