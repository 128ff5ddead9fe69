/**
 * How large the model is and how long it trains: three presets, and every number behind them for people who want it.
 */
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { messages } from '../messages';
import { bytes, short } from '../state/format';
import { PRESETS, type PresetName, presetOf, type RunChoice } from '../state/runchoice';
import type { Weight } from '../state/weight';
import { useLoaded } from './loaded';

const words = messages.model;
const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];
const loadFields = () => import('./runfields');

interface Props {
  readonly choice: RunChoice;
  /** Tokens of the vocabulary, for the number of parameters. */
  readonly vocabulary: number;
  readonly onChange: (change: Partial<RunChoice>) => void;
  readonly onProblem: (sentence: string) => void;
}

export function ModelChoice({ choice, vocabulary, onChange, onProblem }: Props) {
  const [first] = useState(() => JSON.stringify(choice));
  const [isOpened, setOpened] = useState(false);
  const weight = useWeight(choice, vocabulary, isOpened || first !== JSON.stringify(choice));
  const chosen = presetOf(choice);
  const fields = useLoaded(isOpened, loadFields, onProblem);
  return (
    <fieldset class="choice">
      <legend>{words.heading}</legend>
      <div class="tiles">
        {PRESET_NAMES.map((name) => (
          <label key={name} class="tile">
            <input type="radio" name="preset" checked={chosen === name} onChange={() => onChange(PRESETS[name])} />
            <span class="tile-title">{words.presets[name]}</span>
            <span class="tile-note">{words.presetNotes[name]}</span>
          </label>
        ))}
      </div>
      <p class="model-summary">
        <span>{words.shape(choice.layers, choice.heads * choice.headSize, choice.context)}</span>
        <span>{weight && words.summary(short(weight.parameters), bytes(weight.bytes))}</span>
      </p>
      <details class="advanced" onToggle={() => setOpened(true)}>
        <summary>{words.advanced}</summary>
        {fields && <fields.RunFields choice={choice} onChange={onChange} onProblem={onProblem} />}
      </details>
    </fieldset>
  );
}

/**
 * Undefined until it is wanted and the code that computes it has been loaded. That code is 18 kB, so a first screen on which
 * nobody chooses a model does without it.
 */
function useWeight(choice: RunChoice, vocabulary: number, isWanted: boolean): Weight | undefined {
  const weight = useSignal<Weight | undefined>(undefined);
  const about = JSON.stringify(choice);
  useEffect(() => {
    if (!isWanted) return;
    let isCurrent = true;
    const weigh = async () => {
      const { weightOf } = await import('../state/weight');
      if (isCurrent) weight.value = weightOf(JSON.parse(about), vocabulary);
    };
    void weigh();
    return () => {
      isCurrent = false;
    };
  }, [about, vocabulary, weight, isWanted]);
  return weight.value;
}
