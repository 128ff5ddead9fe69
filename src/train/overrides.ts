/** Dotted overrides of a run file (`--train.steps=50`), applied to the parsed JSON before it is checked. */
import { PlanError } from '../errors';

/**
 * A copy of `file` with `path=value` pairs set in it. A value is read as JSON where it is JSON (numbers, true, lists),
 * else as text. Throws PlanError for what is no `path.to.field=value`; whether the field exists is parseRunFile's matter.
 */
export function applyOverrides(file: unknown, overrides: readonly string[]): unknown {
  const copy = structuredClone(file);
  for (const override of overrides) set(copy, override);
  return copy;
}

function set(file: unknown, override: string): void {
  const [, path, text] = /^([A-Za-z0-9.]+)=(.*)$/su.exec(override) ?? [];
  if (path === undefined || text === undefined || path.split('.').includes('')) {
    throw new PlanError(`"--${override}" must have the form --section.field=value, e.g. --train.steps=50`);
  }
  const keys = path.split('.');
  let at = file;
  for (const [i, key] of keys.entries()) {
    if (typeof at !== 'object' || at === null || Array.isArray(at)) {
      throw new PlanError(
        `"--${override}" cannot be set: ${keys.slice(0, i).join('.') || 'the run file'} has no fields`,
      );
    }
    const value = i === keys.length - 1 ? jsonOrText(text) : Object.hasOwn(at, key) ? Reflect.get(at, key) : {};
    // why defineProperty: an assignment to "constructor" or the like would reach the prototype
    Object.defineProperty(at, key, { value, enumerable: true, writable: true, configurable: true });
    at = value;
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // why: `names` or `f16` is a text without quotes, as people type it in a shell
    return text;
  }
}
