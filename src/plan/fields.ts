/**
 * Fields that people write: schemas whose messages say what a field must be, and the check of an object of such fields.
 * The sentence of a refusal names the field and the value: `plan.dp is 0; it must be an integer from 1 to 65536`.
 */
import * as v from 'valibot';
import { PlanError } from '../errors';

export const integer = (min: number, max: number) => {
  const text = `must be an integer from ${min} to ${max}`;
  return v.pipe(v.number(text), v.integer(text), v.minValue(min, text), v.maxValue(max, text));
};
export const real = (min: number, max: number) => {
  const text = `must be a number from ${min} to ${max}`;
  return v.pipe(v.number(text), v.minValue(min, text), v.maxValue(max, text));
};
export const oneOf = <const T extends readonly (string | number)[]>(options: T) =>
  v.picklist(options, `must be one of ${options.join(', ')}`);
export const list = <const T extends v.GenericSchema<number>>(item: T) => {
  const text = 'must be a list of 1 to 256 numbers';
  return v.pipe(v.array(item, text), v.minLength(1, text), v.maxLength(256, text));
};
export const flag = v.boolean('must be true or false');

/** The fields of `value` as `entries` say. Throws PlanError naming the first field that is unknown or wrong. */
export function section<const T extends v.ObjectEntries>(value: unknown, entries: T, where: string) {
  const given = fieldsOf(value, Object.keys(entries), where);
  const result = v.safeParse(v.object(entries), given, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = (issue.path ?? []).map(({ key }) => String(key)).join('.');
  throw new PlanError(`${where}.${field} is ${JSON.stringify(issue.input) ?? 'missing'}; it ${issue.message}`);
}

/** `value` as an object that has only fields of `known`. Throws PlanError naming the first unknown field. */
export function fieldsOf(value: unknown, known: readonly string[], where: string): Partial<Record<string, unknown>> {
  const name = where === '' ? 'the run file' : where;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PlanError(`${name} must be an object with the fields ${known.join(', ')}`);
  }
  const foreign = Object.keys(value).find((key) => !known.includes(key));
  if (foreign !== undefined) {
    throw new PlanError(
      `${where === '' ? '' : `${where}.`}${foreign} is not a field; the fields are ${known.join(', ')}`,
    );
  }
  return value;
}

/** Throw PlanError with `sentence` unless the condition holds. */
export function refuseUnless(unless: boolean, sentence: () => string): void {
  if (!unless) throw new PlanError(sentence());
}
