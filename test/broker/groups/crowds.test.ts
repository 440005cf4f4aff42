import { describe, expect, test } from 'vitest';
import { describeGroup } from '../../../lib/broker/groups/describe-group.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { GROUP, GroupConsumer, groupWorld } from '../../support/group-consumers.ts';

describe('a crowd that joins at once', () => {
  test('gets in as far as there is room, in few rebalances, and the rest is turned away and leaves nothing', async () => {
    const { processes } = await groupWorld({ partitions: 16 });
    const [one, other] = processes;
    const extra = 40;
    const consumers = Array.from({ length: groupLimits.groupMembersMax + extra }, () => new GroupConsumer());
    one.metadata.forget();
    other.metadata.forget();
    const joining = Promise.allSettled(
      consumers.map((consumer, index) => consumer.poll(index % 2 === 0 ? one : other, { maxRecords: 0 })),
    );
    await one.clock.until(joining);
    const outcomes = await joining;
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(
      Array(extra).fill('GROUP_MAX_SIZE_REACHED'),
    );
    const { members, partitions } = await describeGroup(one.broker, GROUP);
    expect(members.size).toBe(groupLimits.groupMembersMax);
    expect(partitions.length).toBeLessThanOrEqual(16);
    const rebalances = one.metadata.count('write state target') + other.metadata.count('write state target');
    expect(rebalances).toBeLessThan(100);
  }, 60_000);

  test('under one instance id is one member in the end, and all others know that they are not', async () => {
    const { processes } = await groupWorld();
    const consumers = Array.from({ length: 8 }, () => new GroupConsumer({ wishes: { instanceId: 'same' } }));
    const joining = Promise.allSettled(
      consumers.map((consumer, index) => consumer.poll(processes[index % 2 === 0 ? 0 : 1])),
    );
    await processes[0].clock.until(joining);
    const { members } = await describeGroup(processes[0].broker, GROUP);
    expect(members.size).toBe(1);
    const [owner] = members.values();
    for (const consumer of consumers.filter(({ member }) => member !== undefined)) {
      const again = consumer.poll(processes[0]).then(
        () => 'goes on',
        (error: unknown) => (error as { code: string }).code,
      );
      expect(await again).toBe(consumer.member === owner?.memberId ? 'goes on' : 'FENCED_INSTANCE_ID');
    }
  });
});

describe('clocks', () => {
  test('of one process that is an hour ahead take nobody’s place who polls', async () => {
    const { processes, stores } = await groupWorld({ partitions: 2 });
    const [one, other] = processes;
    const now = stores.clock.now.bind(stores.clock);
    const ahead = { ...other, broker: { ...other.broker, clock: Object.create(stores.clock) as typeof stores.clock } };
    ahead.broker.clock.now = () => now() + 3_600_000;
    const wishes = { sessionTimeoutMs: 6_000 };
    const [a, b] = [new GroupConsumer({ wishes }), new GroupConsumer({ wishes })];
    for (let turn = 0; turn < 40; turn++) {
      await a.poll(one, { maxRecords: 0 });
      await b.poll(ahead, { maxRecords: 0 });
      await stores.clock.advance(1_000);
    }
    expect([...a.partitions, ...b.partitions].sort((x, y) => x - y)).toEqual([0, 1]);
  });
});
