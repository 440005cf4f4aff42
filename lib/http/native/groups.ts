/** Groups over HTTP. */
import { listCommittedOffsets } from '../../broker/list-committed-offsets.ts';
import { mayDo } from '../../coordination/tenants/principal.ts';
import { jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { mountPoll } from './groups-poll.ts';
import { listCommittedOffsetsRoute } from './groups-routes.ts';
import { mount } from './mount.ts';
import { requireScope } from './name-scopes.ts';

export function mountGroups(door: Door): void {
  const { broker } = door.options;
  mountPoll(door);

  mount(door, listCommittedOffsetsRoute, async ({ params: { group }, query, principal }) => {
    requireScope(principal, 'consume', 'group', group);
    const { offsets, next } = await listCommittedOffsets(broker, { group, ...query });
    const visible = offsets.filter(({ topic }) => principal === undefined || mayDo(principal, 'consume', topic));
    return jsonAnswer(
      JSON.stringify({
        offsets: visible.map(({ topic, partition, offset, leaderEpoch, metadata, committedMs }) => ({
          topic,
          partition,
          offset,
          leader_epoch: leaderEpoch,
          metadata,
          committed_at: committedMs,
        })),
        next,
      }),
    );
  });
}
