/** Bytes on the GPU by role, as allocated: one bar, and every part again with name and number. */
import { messages } from '../messages';
import { bytes } from '../state/format';
import type { MemoryByRole } from '../tab';

const ROLES = ['param', 'grad', 'moment', 'saved', 'scratch', 'staging'] as const;

export function Memory({ memory }: { readonly memory: MemoryByRole | null }) {
  if (!memory) return <p class="empty">{messages.memory.empty}</p>;
  const total = ROLES.reduce((sum, role) => sum + memory[role], 0);
  return (
    <div class="memory">
      <div class="memory-bar" aria-hidden="true">
        {ROLES.map((role) => (
          <span key={role} class={`role-${role}`} style={{ flexGrow: memory[role] }} />
        ))}
      </div>
      <dl class="memory-list">
        {ROLES.map((role) => (
          <div key={role}>
            <dt>
              <span class={`swatch role-${role}`} aria-hidden="true" />
              {messages.memory.roles[role]}
            </dt>
            <dd>{bytes(memory[role])}</dd>
          </div>
        ))}
        <div class="memory-total">
          <dt>{messages.memory.total}</dt>
          <dd>{bytes(total)}</dd>
        </div>
      </dl>
    </div>
  );
}
