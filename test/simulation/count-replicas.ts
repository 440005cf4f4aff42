/** What replicated ledgers went through: a simulation in which nobody is ever elected proves little. */
import type { ReplicationHistory } from './replication-history.ts';

export function countReplicas({ appends, elections, counts }: ReplicationHistory): Record<string, number> {
  const elected = (kind: string) => elections.filter((one) => one.kind === kind).length;
  const cutOff = elections.filter((one) => one.cutOff.length > 0).length;
  return {
    'replicated commits': appends.length,
    'clean elections': elected('clean'),
    'unclean elections': elected('unclean'),
    'preferred elections': elected('preferred'),
    'elections that cut off commits': cutOff,
    'elections that may have lost some': elections.filter(({ lost }) => lost.length > 0).length,
    ...counts,
  };
}
