/**
 * Overlap shown without a clock: messages of a collective are held back until lines that do not need it have run. Were one
 * of them to wait for the collective, the step would never end.
 */
import { expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import { unitSizes } from '../../src/model/model';
import type { Transport } from '../../src/net/wire/transport';
import type { Trace } from '../../src/trace/trace';
import { trainCluster } from '../helpers/cluster';
import { readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';

useGpu();

const fixture = readFixture('gpt2-tall');
const { init, text } = fixture;
const units = unitSizes(fixture.model, 2).map(({ name }) => name);
const HEAD = units.length - 1;

/** Line of the rank's program (`F 3`: the forward of unit 3) that must have run before a message of this tag is let in. */
type Rule = (line: string) => string | undefined;

/** Hold messages of the first step back until the line that `rule` names has run; `ruled` collects whose messages. */
function holdBack(rule: Rule, ruled: Set<string>) {
  return (transport: Transport, trace: Trace): Transport => {
    const ran = new Set<string>();
    const waiting: { readonly line: string; readonly letIn: () => void }[] = [];
    trace.subscribe(({ lane, name, unit }) => {
      if (lane !== 'host') return;
      ran.add(`${name} ${unit}`);
      for (const { line, letIn } of waiting) if (ran.has(line)) letIn();
    });
    const recv: Transport['recv'] = async (from, tag, signal) => {
      const [, step, action = ''] = tag.split('/');
      const line = step === '0' ? rule(action) : undefined;
      if (line !== undefined) ruled.add(action);
      if (line !== undefined && !ran.has(line)) await new Promise<void>((letIn) => waiting.push({ line, letIn }));
      return transport.recv(from, tag, signal);
    };
    return new Proxy(transport, {
      get: (target, name) => {
        if (name === 'recv') return recv;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

/** Train two steps with and without holding back; the weights must be the same. Returns the collectives that `rule` named a line for. */
async function holdInRun(device: GpuDevice, plan: Record<string, unknown>, rule: Rule): Promise<ReadonlySet<string>> {
  const run = runOf(fixture, plan);
  const options = { init, text, steps: 2, jitterMs: 0 };
  const free = await trainCluster(device, run, options);
  const ruled = new Set<string>();
  const slow = await trainCluster(device, run, { ...options, between: holdBack(rule, ruled) });
  expect(Buffer.from(slow.weights.buffer).equals(Buffer.from(free.weights.buffer))).toBe(true);
  return ruled;
}

gpuTest(
  'zero 3: the parameters of a unit are on their way while the unit before it runs, both ways',
  async (device) => {
    const ruled = await holdInRun(device, { dp: 2, zero: 3 }, (line) => {
      const [, name, pass] = /^GATHER (\w+) ([FB]) m0$/.exec(line) ?? [];
      const unit = units.indexOf(name ?? '');
      if (unit < 0 || (pass === 'F' ? unit === 0 : unit === HEAD)) return undefined;
      return pass === 'F' ? `F ${unit - 1}` : `B ${unit + 1}`;
    });
    expect(ruled.size).toBe(2 * HEAD);
  },
);

for (const zero of [0, 1, 2, 3]) {
  gpuTest(
    `zero ${zero}: gradients are on their way while the backward of every unit before them runs`,
    async (device) => {
      const ruled = await holdInRun(device, { dp: 2, zero }, (line) => {
        return line.startsWith('REDUCE') && !line.startsWith('REDUCE embed') ? 'B 0' : undefined;
      });
      expect(ruled.size).toBe(HEAD);
    },
  );
}

gpuTest('zero 1: the optimizer goes on while new parameters of earlier units are on their way', async (device) => {
  const ruled = await holdInRun(device, { dp: 2, zero: 1 }, (line) => {
    return line.startsWith('GATHER') ? `STEP ${HEAD}` : undefined;
  });
  expect(ruled.size).toBe(units.length);
});
