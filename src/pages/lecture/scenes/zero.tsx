/** Scene 3: memory of each tab under ZeRO 0 to 3, measured and in theory, and the traffic that each stage costs. */
import { messages } from '../../messages';
import { bytes } from '../../state/format';
import type { MemoryByRole } from '../../tab';
import { parameterCount } from '../facts/units';
import { planFor } from '../models/choice/plans';
import { followedIn, partsOfUnit, type UnitPart } from '../models/cut/followed';
import {
  allBytes,
  FORMULAS,
  STAGES,
  STATE_ROLES,
  stateBytes,
  TRAFFIC_FORMULAS,
  theory,
  trafficFactor,
  type ZeroStage,
} from '../models/cut/states';
import { busiest, type Digest, fullest, keyOf } from '../models/digest';
import { LitPart } from '../pictures/litpart';
import type { Show } from '../show/show';
import { words } from '../words';
import type { SceneProps } from './scene';

const text = words.zero;
/** Least end of the scale, in bytes per parameter. */
const TOP = 17;

export function ZeroScene({ show }: SceneProps) {
  const { run, ranks, plan } = show.stage.value;
  const size = Math.max(1, ranks.length);
  const parameters = run ? parameterCount(run) : 0;
  const digests = STAGES.map((zero) => digestFor(show, zero));
  const totals = digests.flatMap((digest) => (digest?.memory ?? []).map((one) => (one ? allBytes(one) : 0)));
  const top = Math.max(TOP, (1.04 * Math.max(0, ...totals)) / Math.max(1, parameters));
  const shared = ((size - 1) / size) * 4 * parameters;
  return (
    <>
      <div class="zero-columns">
        {STAGES.map((zero) => (
          <Column
            key={zero}
            zero={zero}
            size={size}
            parameters={parameters}
            digest={digests[zero]}
            parts={partsUnder(show, zero)}
            top={top}
            isRunning={plan?.zero === zero && plan.dp > 1}
            onRun={() => show.pick({ zero })}
            steers={show.steers.value}
          />
        ))}
      </div>
      <p class="zero-foot">
        {STATE_ROLES.map((role) => (
          <span key={role} class="key-item">
            <i class={`swatch role-${role}`} aria-hidden="true" />
            {messages.memory.roles[role]}
          </span>
        ))}
        <span class="key-item">
          <i class="swatch zero-rest" aria-hidden="true" />
          {text.rest}
        </span>
        <span class="key-item">
          <i class="swatch key-theory" aria-hidden="true" />
          {text.theory}
        </span>
        <span class="muted">{text.convention}</span>
        <span class="muted">{text.axis(size, bytes(shared), plan?.microbatches ?? 1)}</span>
      </p>
    </>
  );
}

/** The plan of this room under ZeRO stage `zero`; null for one tab. */
function planUnder(show: Show, zero: ZeroStage) {
  const { run, ranks } = show.stage.value;
  return run && ranks.length > 1 ? planFor('zero', ranks.length, run, { ...show.picks.value, zero }) : null;
}

/** The measurement of this room's newest run of ZeRO stage `zero`; undefined where it has not run. */
function digestFor(show: Show, zero: ZeroStage): Digest | undefined {
  const plan = planUnder(show, zero);
  return plan ? show.digests.value.get(keyOf(plan, show.stage.value.kind)) : undefined;
}

/** The parts of the followed unit under ZeRO stage `zero`, by rank; none where nothing is followed. */
function partsUnder(show: Show, zero: ZeroStage): readonly UnitPart[] {
  const { run } = show.stage.value;
  const plan = planUnder(show, zero);
  const followed = followedIn(run, show.picks.value.follow);
  return run && plan && followed ? partsOfUnit(run, plan, followed.unit) : [];
}

interface ColumnProps {
  readonly zero: ZeroStage;
  readonly size: number;
  readonly parameters: number;
  readonly digest: Digest | undefined;
  /** Of the followed unit, by rank. */
  readonly parts: readonly UnitPart[];
  /** End of the scale, in bytes per parameter. */
  readonly top: number;
  readonly isRunning: boolean;
  readonly steers: boolean;
  readonly onRun: () => void;
}

function Column({ zero, size, parameters, digest, parts, top, isRunning, steers, onRun }: ColumnProps) {
  const expected = theory(zero, size);
  const expectedBytes = stateBytes(expected);
  const measured = (digest?.memory ?? []).filter((memory): memory is MemoryByRole => memory !== null);
  const worst = Math.max(0, ...measured.map((memory) => stateBytes(memory) / Math.max(1, parameters)));
  const microbatches = digest?.plan.microbatches ?? 1;
  const name = text.stages[zero]!;
  return (
    <section class={isRunning ? 'zero-column running' : 'zero-column'} aria-label={name}>
      <h2>
        {name} <span>{text.splits[zero]}</span>
      </h2>
      <div
        class="zero-bars"
        role="img"
        aria-label={text.label(name, worst > 0 ? worst.toFixed(2) : expectedBytes.toFixed(2))}
      >
        <div class="zero-line" style={{ bottom: `${(100 * expectedBytes) / top}%` }} />
        {measured.length > 0
          ? measured.map((memory, rank) => (
              <div class="zero-bar" key={rank}>
                {STATE_ROLES.map((role) => (
                  <span
                    key={role}
                    class={`role-${role}`}
                    style={{ height: `${(100 * memory[role]) / Math.max(1, parameters) / top}%` }}
                  >
                    {parts[rank] && <LitPart bytes={parts[rank][role]} of={memory[role]} />}
                  </span>
                ))}
                <span
                  class="zero-rest"
                  style={{
                    height: `${(100 * (allBytes(memory) - stateBytes(memory))) / Math.max(1, parameters) / top}%`,
                  }}
                />
              </div>
            ))
          : Array.from({ length: size }, (_, rank) => (
              <div class="zero-bar expected" key={rank}>
                <span style={{ height: `${(100 * expectedBytes) / top}%` }} />
              </div>
            ))}
      </div>
      <dl>
        <div>
          <dt>{text.perParameter}</dt>
          <dd>
            <b data-figure={`zero-${zero}`} data-value={worst > 0 ? worst : undefined}>
              {worst > 0 ? worst.toFixed(2) : '–'}
            </b>
            <span data-figure={`zero-${zero}-theory`} data-value={expectedBytes}>
              {FORMULAS[zero]} = {Number(expectedBytes.toFixed(2))}
            </span>
          </dd>
        </div>
        <div>
          <dt>{text.total}</dt>
          <dd>
            <b data-figure={`zero-${zero}-total`} data-value={digest && fullest(digest)}>
              {digest ? bytes(fullest(digest)) : '–'}
            </b>
          </dd>
        </div>
        <div>
          <dt>{text.sent}</dt>
          <dd>
            <b data-figure={`zero-${zero}-sent`} data-value={digest && busiest(digest)}>
              {digest ? bytes(busiest(digest)) : '–'}
            </b>
            <span
              data-figure={`zero-${zero}-sent-theory`}
              data-value={(trafficFactor(zero, microbatches) * (size - 1) * 4 * parameters) / size}
            >
              {TRAFFIC_FORMULAS[zero]}
            </span>
          </dd>
        </div>
      </dl>
      {steers && (
        <button type="button" class="button" disabled={isRunning} onClick={onRun}>
          {isRunning ? text.running : text.run(name)}
        </button>
      )}
    </section>
  );
}
