/** Dotted overrides of a run file (`--train.steps=50`), applied to the parsed JSON before it is checked. */
import { PlanError } from '../errors';

/**
 * A copy of `file` in which every `path=value` pair is set. A value is parsed as JSON if it is JSON (numbers, true,
 * lists), else taken as text. Throws PlanError for an override that is not `path.to.field=value`; parseRunFile checks
 * whether the field exists.
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
    // why: people type a text such as `names` or `f16` without quotes in a shell
    return text;
  }
}
