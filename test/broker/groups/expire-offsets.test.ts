import { describe, expect, test } from 'vitest';
import { commitOffsets } from '../../../lib/broker/groups/commit-offsets.ts';
import { expireOffsets } from '../../../lib/broker/groups/expire-offsets.ts';
import { leaveGroup } from '../../../lib/broker/groups/leave-group.ts';
import { listGroups } from '../../../lib/broker/groups/list-groups.ts';
import type { Process } from '../../support/broker.ts';
import { committed, GROUP, GroupConsumer, groupWorld, produce } from '../../support/group-consumers.ts';

const retentionMs = 60_000;
const listed = async ({ broker }: Process) => (await listGroups(broker)).groups.map(({ group }) => group);

describe('committed offsets', () => {
  test('expire when the group has been without members for long enough, and the group with them', async () => {
    const { processes } = await groupWorld({ partitions: 40 });
    const [process] = processes;
    await produce(process, 0, 'a');
    const consumer = new GroupConsumer();
    await consumer.poll(process);
    await consumer.poll(process);
    await process.clock.advance(10 * retentionMs);
    await consumer.poll(process);
    expect(await expireOffsets(process.broker, { retentionMs })).toEqual({ groups: 1, items: 0, dead: 0 });
    expect((await committed(process))[0]).toBe(1);
    await leaveGroup(process.broker, { group: GROUP, memberId: consumer.member as string });
    await process.clock.advance(retentionMs - 1);
    expect(await expireOffsets(process.broker, { retentionMs })).toEqual({ groups: 1, items: 0, dead: 0 });
    await process.clock.advance(1);
    expect(await expireOffsets(process.broker, { retentionMs })).toEqual({ groups: 1, items: 3, dead: 1 });
    expect(await committed(process)).toEqual({});
    expect(await listed(process)).toEqual([]);
    expect(await expireOffsets(process.broker, { retentionMs })).toEqual({ groups: 0, items: 0, dead: 0 });
    // And it can begin anew.
    await new GroupConsumer().poll(process);
    expect(await listed(process)).toEqual([GROUP]);
  });

  test('that no member stood behind expire each by its commit', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    const commit = (partition: number) =>
      commitOffsets(process.broker, { group: GROUP, offsets: [{ topic: 't', partition, offset: 0 }] });
    await commit(0);
    await process.clock.advance(retentionMs / 2);
    await commit(1);
    await process.clock.advance(retentionMs / 2);
    expect(await expireOffsets(process.broker, { retentionMs })).toEqual({ groups: 1, items: 1, dead: 0 });
    expect(await committed(process)).toEqual({ 1: 0 });
    await process.clock.advance(retentionMs / 2);
    expect(await expireOffsets(process.broker, { retentionMs })).toEqual({ groups: 1, items: 1, dead: 1 });
  });

  test('of members that all vanished expire too, though nobody polls any more', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer({ wishes: { sessionTimeoutMs: 6_000 } });
    await consumer.poll(process);
    await consumer.poll(process);
    for (let turn = 0; turn < 5; turn++) {
      await process.clock.advance(retentionMs);
      await expireOffsets(process.broker, { retentionMs });
    }
    expect(await listed(process)).toEqual([]);
  });
});
