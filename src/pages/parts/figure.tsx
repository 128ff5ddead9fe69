/** One measured number with its name and unit, large enough for the last row. */
interface Props {
  readonly name: string;
  readonly value: string;
  readonly unit?: string;
  /** Draws the key of a chart line beside the name. */
  readonly line?: 'train' | 'held-out';
}

export function Figure({ name, value, unit, line }: Props) {
  return (
    <div class="figure">
      <dt>
        {line && <span class={`line-key line-${line}`} aria-hidden="true" />}
        {name}
      </dt>
      <dd>
        <span class="figure-value">{value}</span>
        {unit && <span class="figure-unit">{unit}</span>}
      </dd>
    </div>
  );
}
