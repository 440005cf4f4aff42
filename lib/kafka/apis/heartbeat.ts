/** Heartbeat, of members of classic groups. */
import { heartbeatClassic } from '../../broker/groups/classic/heartbeat-classic.ts';
import { errorRow } from '../../kernel/errors.ts';
import type { ServedApi } from '../api.ts';
import { NONE } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';

export const heartbeat: ServedApi<'Heartbeat'> = {
  lowest: 0,
  highest: 4,
  handle: async (call, { groupId: group, memberId, groupInstanceId, generationId: generation }) => {
    const denied = refusedGroup(call, group);
    if (denied !== undefined) return { errorCode: denied.code };
    const outcome = await heartbeatClassic(call.gateway.broker, {
      group,
      memberId,
      ...(groupInstanceId !== null && { instanceId: groupInstanceId }),
      generation,
    });
    return { errorCode: outcome === 'alive' ? NONE : errorRow('REBALANCE_IN_PROGRESS').kafkaCode };
  },
  failed: (_call, _request, failure) => ({ errorCode: toldOfGroup(failure).code }),
};
