/** Bytes of one tab by role: a bar to scale, with the name and the bytes of each part beside it. */
import { messages } from '../../messages';
import { bytes } from '../../state/format';
import type { MemoryByRole } from '../../tab';
import type { UnitPart } from '../models/cut/followed';
import { allBytes, STATE_ROLES } from '../models/cut/states';
import { LitPart } from './litpart';

const ROLES = ['param', 'grad', 'moment', 'saved', 'scratch', 'staging'] as const;

const isState = (role: (typeof ROLES)[number]): role is (typeof STATE_ROLES)[number] =>
  (STATE_ROLES as readonly string[]).includes(role);

interface Props {
  readonly memory: MemoryByRole;
  /** The part of the followed unit. */
  readonly part: UnitPart | undefined;
}

export function MemoryBar({ memory, part }: Props) {
  const total = allBytes(memory);
  return (
    <div class="memory-bars">
      <div class="memory-stack" aria-hidden="true">
        {ROLES.map((role) => (
          <span key={role} class={`role-${role}`} style={{ flexGrow: memory[role] }}>
            {part && isState(role) && <LitPart bytes={part[role]} of={memory[role]} />}
          </span>
        ))}
      </div>
      <dl class="memory-roles">
        {ROLES.map((role) => (
          <div key={role}>
            <dt>
              <i class={`swatch role-${role}`} aria-hidden="true" />
              {messages.memory.roles[role]}
            </dt>
            <dd data-figure={`memory-${role}`} data-value={memory[role]}>
              {bytes(memory[role])}
            </dd>
          </div>
        ))}
        <div class="memory-sum">
          <dt>{messages.memory.total}</dt>
          <dd data-figure="memory" data-value={total}>
            {bytes(total)}
          </dd>
        </div>
      </dl>
    </div>
  );
}
