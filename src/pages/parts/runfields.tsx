/** Every number of a run, and its plan, for people who want them. Loaded when they open the list. */
import { LR, type NumberField, PLANS, RANGES, type RunChoice } from '../state/runchoice';
import { useDraft } from './draft';

const words = {
  fields: {
    layers: 'Layers',
    heads: 'Heads',
    headSize: 'Width of a head',
    context: 'Context (tokens)',
    batch: 'Batch of all tabs (sequences)',
    steps: 'Steps',
    lr: 'Learning rate',
    seed: 'Seed',
    vocab: 'Tokens of byte pairs, bytes included',
  },
  plan: 'Plan for several tabs',
  plans: { auto: 'the fastest exact one', ddp: 'DDP', zero1: 'ZeRO-1', zero2: 'ZeRO-2', zero3: 'ZeRO-3' },
  mustBe: (field: string, text: string) => `${field} must be ${text}.`,
};
const FIELDS = Object.keys(words.fields) as NumberField[];

interface Props {
  readonly choice: RunChoice;
  readonly onChange: (change: Partial<RunChoice>) => void;
  readonly onProblem: (sentence: string) => void;
}

export function RunFields({ choice, onChange, onProblem }: Props) {
  return (
    <div class="fields">
      {FIELDS.filter((field) => field !== 'vocab' || choice.tokenizer === 'bpe').map((field) => (
        <Field key={field} field={field} value={choice[field]} onChange={onChange} onProblem={onProblem} />
      ))}
      <label class="field">
        <span>{words.plan}</span>
        <select
          value={choice.plan}
          onChange={({ currentTarget }) => onChange({ plan: currentTarget.value as RunChoice['plan'] })}
        >
          {PLANS.map((plan) => (
            <option key={plan} value={plan}>
              {words.plans[plan]}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

interface FieldProps extends Omit<Props, 'choice'> {
  readonly field: NumberField;
  readonly value: number;
}

function Field({ field, value, onChange, onProblem }: FieldProps) {
  const { min, max } = field === 'lr' ? LR : RANGES[field];
  const commit = (text: string) => {
    const number = Number(text);
    const fits = number >= min && number <= max && (field === 'lr' || Number.isInteger(number));
    const must = `${field === 'lr' ? 'a number' : 'an integer'} from ${min} to ${max}`;
    onProblem(fits ? '' : words.mustBe(words.fields[field], must));
    if (fits) onChange({ [field]: number });
  };
  const draft = useDraft(String(value), commit);
  return (
    <label class="field">
      <span>{words.fields[field]}</span>
      <input type="number" min={min} max={max} step={field === 'lr' ? 'any' : 1} {...draft} />
    </label>
  );
}
