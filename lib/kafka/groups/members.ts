/** Members of groups, as Kafka's protocol has them and as they are known here. */
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Call } from '../api.ts';

/** Who a member is, for those who describe its group. */
export function clientOf({ clientId, session }: Call): { client: string; host: string } {
  const client = (clientId ?? '').slice(0, groupLimits.groupClientLengthMax).toWellFormed();
  return { client, host: `/${session.address}` };
}

/** Kafka's `uniform` does what `sticky` does here. */
export function assignorAsked(name: string): string {
  return name === 'uniform' ? 'sticky' : name;
}

export function assignorTold(name: string): string {
  return name === 'sticky' ? 'uniform' : name;
}
