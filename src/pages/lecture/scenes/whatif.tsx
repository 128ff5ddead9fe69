/** Sliders for a hypothetical cluster, and the planner's recommendation for it, marked as predicted. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { megabytes } from '../../../plan/why';
import { bytes, milliseconds } from '../../state/format';
import { fullNameOf } from '../models/choice/ranking';
import { CLUSTERS, DIALS, type Dials, nameOfStop, type Preset, questionOf, STOPS } from '../models/choice/whatif';
import { TableHead } from '../parts/tablehead';
import { Adviser } from '../show/adviser';
import { words } from '../words';

const text = words.which;
const SHOWN = 6;

export function WhatIf() {
  const dials = useSignal<Dials>(CLUSTERS.laptops);
  const adviser = useMemo(() => new Adviser(), []);
  useEffect(() => () => adviser.close(), [adviser]);
  const chosen = dials.value;
  useEffect(() => adviser.ask({ ...questionOf(chosen), inHaste: true }), [adviser, chosen]);
  const isOld = adviser.isThinking.value;
  const advice = adviser.advice.value;
  return (
    <div class="whatif">
      <div class="dials">
        <div class="presets">
          {(Object.keys(CLUSTERS) as Preset[]).map((preset) => (
            <button key={preset} type="button" class="button" onClick={() => (dials.value = CLUSTERS[preset])}>
              {text.presets[preset]}
            </button>
          ))}
        </div>
        {DIALS.map((dial) => (
          <label key={dial}>
            <span>
              {text.sliders[dial]} <b>{nameOfStop(dial, chosen[dial])}</b>
            </span>
            <input
              type="range"
              min={0}
              max={STOPS[dial].length - 1}
              step={1}
              value={chosen[dial]}
              aria-valuetext={nameOfStop(dial, chosen[dial])}
              onInput={(event) => (dials.value = { ...chosen, [dial]: Number(event.currentTarget.value) })}
            />
          </label>
        ))}
      </div>
      <div class={isOld ? 'advice thinking' : 'advice'} aria-busy={isOld}>
        <p>
          <span class="kind kind-simulated">{text.predictedMark}</span> {isOld && text.thinking}
        </p>
        <p class="advice-why" role="status">
          {advice?.why ?? (adviser.refused.value || text.thinking)}
        </p>
        {advice && (
          <table>
            <TableHead columns={text.adviceColumns} />
            <tbody>
              {[...advice.ranked.slice(0, SHOWN), advice.alone].map((one, index) => (
                <tr key={JSON.stringify([index, one.plan])} class={one.fits ? '' : 'muted'}>
                  <th scope="row">
                    {index === Math.min(SHOWN, advice.ranked.length) ? text.alone : fullNameOf(one.plan)}
                  </th>
                  <td>{milliseconds(one.stepMs)}</td>
                  <td>{one.fits ? `${megabytes(one.memoryBytes)} MB` : text.tooLarge(megabytes(one.memoryBytes))}</td>
                  <td>{bytes(one.bytesPerStep)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </div>
  );
}
