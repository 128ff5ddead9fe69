/**
 * Child process of compiler.ts: compiles the WGSL files given as arguments, in order, on the adapter that the environment
 * names. The driver prints its listing of each to stderr, between two lines that this prints.
 */
import { readFileSync, writeSync } from 'node:fs';
import { create, globals } from 'webgpu';

const say = (line) => writeSync(2, `\n${line}\n`);

Object.assign(globalThis, globals);
// Some back ends of browsers clamp indices into buffers, all clamp those into workgroup memory: here both are clamped.
const gpu = create([
  'enable-dawn-features=allow_unsafe_apis',
  'disable-dawn-features=vulkan_use_buffer_robust_access_2',
]);
const adapter = await gpu.requestAdapter();
const requiredFeatures = ['subgroups', 'shader-f16'].filter((name) => adapter.features.has(name));
const device = await adapter.requestDevice({ requiredFeatures });
for (const file of process.argv.slice(2)) {
  say(`@@file ${file}`);
  const module = device.createShaderModule({ code: readFileSync(file, 'utf8') });
  const { messages } = await module.getCompilationInfo();
  for (const { type, lineNum, message } of messages) say(`${type} line ${lineNum}: ${message}`);
  try {
    await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
    say('@@compiled');
  } catch (error) {
    say(`@@refused ${error.message.replaceAll('\n', ' ')}`);
  }
}
// why: ending in the usual way waits for a queue that does not exist
process.kill(process.pid, 'SIGKILL');
