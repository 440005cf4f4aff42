/**
 * Which replicas a new ledger gets, and which of them is to lead: as many as the topic's replication factor says, one
 * place further in the list for each next ledger, so that leaders and load are spread. `start` differs by topic.
 */
import { assert } from '../../kernel/assert.ts';
import type { ReplicaId } from './replica-state.ts';

export interface Assignment {
  /** The stack's replicas, in the order of its list. */
  available: readonly ReplicaId[];
  /** At most as many as are available. */
  factor: number;
  /** The ledger's place in its topic. */
  ledger: number;
  /** Where the topic's first ledger begins, any whole number from 0. */
  start: number;
}

/** The preferred leader first. */
export function assignReplicas({ available, factor, ledger, start }: Assignment): ReplicaId[] {
  assert(factor > 0 && factor <= available.length, `${factor} of ${available.length} replicas`);
  return Array.from({ length: factor }, (_, place) => {
    return available[(start + ledger + place) % available.length] as ReplicaId;
  });
}
