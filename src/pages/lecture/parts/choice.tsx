/** A choice among a few values: radio buttons that look like a row of segments. */
import { useId } from 'preact/hooks';

interface Props<T extends string | number> {
  readonly label: string;
  /** False: the values need no visible label; screen readers still get it. */
  readonly isLabelled?: boolean;
  readonly values: readonly T[];
  readonly value: T;
  readonly nameOf: (value: T) => string;
  readonly onChange: (value: T) => void;
}

export function Choice<T extends string | number>({
  label,
  isLabelled = true,
  values,
  value,
  nameOf,
  onChange,
}: Props<T>) {
  const id = useId();
  return (
    <div class="choice-line">
      <span id={id} class={isLabelled ? '' : 'visually-hidden'}>
        {label}
      </span>
      <div class="segments" role="radiogroup" aria-labelledby={id}>
        {values.map((one) => (
          <label key={one}>
            <input type="radio" name={id} checked={one === value} onChange={() => onChange(one)} />
            <span>{nameOf(one)}</span>
          </label>
        ))}
      </div>
    </div>
  );
}
