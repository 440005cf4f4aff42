import { describe, expect, test } from 'vitest';
import { commitOffsets } from '../../../lib/broker/groups/commit-offsets.ts';
import { leaveGroup } from '../../../lib/broker/groups/leave-group.ts';
import { listGroups } from '../../../lib/broker/groups/list-groups.ts';
import { type TidyReport, tidyGroups } from '../../../lib/broker/groups/tidy-groups.ts';
import { createInstance } from '../../../lib/broker/instances/create-instance.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { maintenanceLimits } from '../../../lib/kernel/limits/maintenance.ts';
import type { Process } from '../../support/broker.ts';
import { committed, GROUP, GroupConsumer, groupWorld, produce } from '../../support/group-consumers.ts';

const retentionMs = 2 * groupLimits.groupEntryKeptMs;
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
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, items: 0, dead: 0 });
    expect((await committed(process))[0]).toBe(1);
    await leaveGroup(process.broker, { group: GROUP, memberId: consumer.member as string });
    await process.clock.advance(retentionMs - 1);
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, items: 0, dead: 0 });
    await process.clock.advance(1);
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, items: 3, dead: 1 });
    expect(await committed(process)).toEqual({});
    expect(await listed(process)).toEqual([]);
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 0, items: 0, dead: 0 });
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
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, items: 1, dead: 0 });
    expect(await committed(process)).toEqual({ 1: 0 });
    await process.clock.advance(retentionMs / 2);
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, items: 1, dead: 1 });
  });

  test('of a deleted topic go at once, and those of its successor stay', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    const commit = () =>
      commitOffsets(process.broker, { group: GROUP, offsets: [{ topic: 't', partition: 0, offset: 0 }] });
    await commit();
    await deleteTopic(process.broker, 't');
    await createTopic(process.broker, { name: 't', partitions: 2 });
    await commit();
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, items: 1, dead: 0 });
    expect(await committed(process)).toEqual({ 0: 0 });
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ items: 0 });
  });

  test('of members that all vanished expire too, though nobody polls any more', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer({ wishes: { sessionTimeoutMs: 6_000 } });
    await consumer.poll(process);
    await consumer.poll(process);
    for (let turn = 0; turn < 5; turn++) {
      await process.clock.advance(retentionMs);
      await tidyGroups(process.broker, { retentionMs });
    }
    expect(await listed(process)).toEqual([]);
  });
});

describe('a round through the groups', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => `group-${String(index).padStart(3, '0')}`);

  async function worldWith(groups: readonly string[]) {
    const { stores, processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    for (const group of groups) {
      await commitOffsets(process.broker, { group, offsets: [{ topic: 't', partition: 0, offset: 0 }] });
    }
    await process.clock.advance(retentionMs);
    return { stores, processes, process };
  }

  test('that is stopped goes on with the groups that it has not come to, in another process', async () => {
    const groups = many(3 * maintenanceLimits.groupsTidiedInFlightMax);
    const { processes } = await worldWith(groups);
    const [one, two] = processes;
    const reports: TidyReport[] = [];
    for (const process of [one, two, one, two]) {
      const stop = new AbortController();
      process.metadata.onWrite = async (proceed) => {
        stop.abort();
        return proceed();
      };
      reports.push(await tidyGroups(process.broker, { retentionMs, signal: stop.signal }));
      process.metadata.onWrite = undefined;
    }
    const each = maintenanceLimits.groupsTidiedInFlightMax;
    expect(reports.map(({ groups: looked, dead }) => [looked, dead])).toEqual([
      [each, each],
      [each, each],
      [each, each],
      [0, 0],
    ]);
    expect(await listed(one)).toEqual([]);
  });

  test('begins anew after the last group, so that those before have their turn again', async () => {
    const { process } = await worldWith([]);
    const stop = new AbortController();
    await commitOffsets(process.broker, { group: 'b', offsets: [{ topic: 't', partition: 0, offset: 0 }] });
    stop.abort();
    expect(await tidyGroups(process.broker, { retentionMs, signal: stop.signal })).toMatchObject({ groups: 0 });
    await commitOffsets(process.broker, { group: 'a', offsets: [{ topic: 't', partition: 0, offset: 0 }] });
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1 });
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 2 });
  });

  test('goes on behind a group that storage fails for', async () => {
    const { process } = await worldWith(['a', 'b', 'c']);
    process.metadata.onWrite = async (proceed, writes) => {
      if (writes.some(({ key }) => key.pk.includes('b'))) throw new MillraceError('KAFKA_STORAGE_ERROR', 'not now');
      return proceed();
    };
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 3, dead: 2, failed: 1 });
    process.metadata.onWrite = undefined;
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, dead: 1, failed: 0 });
  });

  test('removes consumer instances that are over, and keeps the group of those that are not', async () => {
    const { process } = await worldWith([]);
    const settings = { format: 'binary', reset: 'latest', autoCommit: false } as const;
    const create = (group: string, name: string) => createInstance(process.broker, { group, name, settings });
    await create('old', '1');
    await create('mixed', '1');
    await process.clock.advance(groupLimits.instanceTimeoutMs);
    await create('mixed', '2');
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 2, instances: 0, dead: 0 });
    await process.clock.advance(1);
    // Some process may still go by the entry of the group.
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 2, instances: 2, dead: 0 });
    expect(await create('mixed', '2')).toMatchObject({ outcome: 'taken' });
    await process.clock.advance(groupLimits.groupEntryKeptMs);
    await create('mixed', '3');
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 2, instances: 0, dead: 1 });
    expect(await tidyGroups(process.broker, { retentionMs })).toMatchObject({ groups: 1, instances: 0, dead: 0 });
    expect(await create('mixed', '3')).toMatchObject({ outcome: 'taken' });
  });
});
