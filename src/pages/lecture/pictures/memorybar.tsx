/** Bytes of one tab by role: a bar to scale, with the name and the bytes of each part beside it. */
import { messages } from '../../messages';
import { bytes } from '../../state/format';
import type { MemoryByRole } from '../../tab';
import { allBytes } from '../models/cut/states';

const ROLES = ['param', 'grad', 'moment', 'saved', 'scratch', 'staging'] as const;

export function MemoryBar({ memory }: { readonly memory: MemoryByRole }) {
  const total = allBytes(memory);
  return (
    <div class="memory-bars">
      <div class="memory-stack" aria-hidden="true">
        {ROLES.map((role) => (
          <span key={role} class={`role-${role}`} style={{ flexGrow: memory[role] }} />
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
