/**
 * Reads a foreign JSON object field by field: fields that are used, fields that must have one value, fields that change
 * no number. `end` rejects any remaining field by its name.
 */
import { InputError } from '../../errors';

export class ConfigFields {
  readonly #left: Map<string, unknown>;

  /** `prefix` precedes field names in messages, e.g. `rope_parameters.`. Throws InputError for a non-object. */
  constructor(
    value: unknown,
    readonly prefix = '',
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InputError(`${prefix === '' ? 'config.json' : prefix.slice(0, -1)} must be a JSON object`);
    }
    this.#left = new Map(Object.entries(value));
  }

  /** Remove a field and return its value; undefined if it is absent or null. */
  take(name: string): unknown {
    const value = this.#left.get(name);
    this.#left.delete(name);
    return value ?? undefined;
  }

  /** A whole number of at least 1; `fallback` where the field is absent. */
  count(name: string, fallback?: number): number {
    const value = this.take(name) ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
    return this.refuse(name, value, 'it must be a whole number of at least 1');
  }

  /** A number above 0. */
  positive(name: string, fallback?: number): number {
    const value = this.take(name) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return this.refuse(name, value, 'it must be a number above 0');
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.take(name) ?? fallback;
    return typeof value === 'boolean' ? value : this.refuse(name, value, 'it must be true or false');
  }

  /** The entry of `known` that the field names. */
  choice<T>(name: string, known: Readonly<Record<string, T>>, fallback?: string): T {
    const value = this.take(name) ?? fallback;
    if (typeof value === 'string' && Object.hasOwn(known, value)) return known[value]!;
    return this.refuse(name, value, `Tabtrain has ${Object.keys(known).join(', ')}`);
  }

  /** Reject any value other than `only`; an absent field means `only`. */
  must(name: string, only: unknown, sentence: string): void {
    const value = this.take(name) ?? only;
    if (value !== only) this.refuse(name, value, sentence);
  }

  /** Skip fields that change no number of the model. */
  ignore(names: readonly string[]): void {
    for (const name of names) this.#left.delete(name);
  }

  /** Reject the first field that was not read, unless it is empty or switched off. */
  end(): void {
    for (const [name, value] of this.#left) {
      const isOff = value === null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
      if (!isOff) this.refuse(name, value, 'Tabtrain does not know this field, so it cannot say what it would train');
    }
  }

  refuse(name: string, value: unknown, sentence: string): never {
    const shown = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);
    throw new InputError(`${this.prefix}${name} of config.json is ${shown}: ${sentence}`);
  }
}
