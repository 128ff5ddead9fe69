/** A Python for tests of what PyTorch makes of our files: TABTRAIN_PYTHON, or python3. */
import { spawnSync } from 'node:child_process';

export const PYTHON = process.env.TABTRAIN_PYTHON ?? 'python3';

/** Runs Python code to its end. Throws with its output where it fails. */
export function python(code: string, input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(PYTHON, ['-c', code], { encoding: 'utf8', input });
  if (status !== 0) throw new Error(`${PYTHON}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Why tests that need these Python modules are skipped; '' where they are there. Prints the reason. */
export function lacksPython(modules: readonly string[]): string {
  const find = `import importlib.util as u\nassert all(u.find_spec(name) for name in ${JSON.stringify(modules)})`;
  const { status } = spawnSync(PYTHON, ['-c', modules.length > 0 ? find : '']);
  if (status === 0) return '';
  const reason = `${PYTHON} ${modules.length > 0 ? `has not all of ${modules.join(', ')}` : 'is not there'}: skipped (TABTRAIN_PYTHON names another one)`;
  console.log(reason);
  return reason;
}
