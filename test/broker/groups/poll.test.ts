import { describe, expect, test } from 'vitest';
import { commitOffsets } from '../../../lib/broker/groups/commit-offsets.ts';
import { deleteGroup } from '../../../lib/broker/groups/delete-group.ts';
import { describeGroup } from '../../../lib/broker/groups/describe-group.ts';
import { leaveGroup } from '../../../lib/broker/groups/leave-group.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { cacheLimits } from '../../../lib/kernel/limits/caches.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { batchOf, lost, type Process, throttled } from '../../support/broker.ts';
import { committed, GROUP, GroupConsumer, groupWorld, produce, valuesOf } from '../../support/group-consumers.ts';
import { idle } from '../../support/manual-clock.ts';

const codeOf = (error: unknown) => (error as { code: string }).code;

/** Lets several consumers poll in turn until nothing moves. */
async function settle(process: Process, ...consumers: GroupConsumer[]): Promise<void> {
  for (let turn = 0; turn < 4; turn++) for (const consumer of consumers) await consumer.poll(process);
}

describe('an answer that is lost', () => {
  test('is served again by another process, and nothing of it is committed', async () => {
    const { processes } = await groupWorld({ partitions: 1 });
    await produce(processes[0], 0, 'a', 'b', 'c');
    const consumer = new GroupConsumer();
    await consumer.poll(processes[0], { maxRecords: 1 });
    expect(valuesOf(await consumer.ask(processes[1]))).toEqual(['b', 'c']);
    expect(valuesOf(await consumer.ask(processes[0]))).toEqual(['b', 'c']);
    expect(await committed(processes[0])).toEqual({ 0: 1 });
    await consumer.poll(processes[1]);
    await consumer.poll(processes[0]);
    expect(await committed(processes[0])).toEqual({ 0: 3 });
    expect(consumer.values).toEqual(['a', 'b', 'c']);
  });

  test('of a poll that gave something up: the same poll again goes on with what stayed', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    for (const partition of [0, 1]) await produce(process, partition, 'x', 'y');
    const [a, b] = [new GroupConsumer(), new GroupConsumer()];
    await a.poll(process, { maxRecords: 2 });
    await b.poll(process);
    const told = await a.poll(process, { maxRecords: 1 });
    expect(told.revoked.flatMap(({ partitions }) => partitions)).toHaveLength(1);
    const first = await a.ask(process);
    const again = await a.ask(process);
    expect(again.assignment).toEqual(first.assignment);
    expect(valuesOf(again)).toEqual(valuesOf(first));
    // What the lost answer would have said is committed, and no more than was received.
    const { partitions: given = [] } = told.revoked[0] ?? {};
    const offsets = [{ topic: 't', partition: given[0] as number, offset: 99 }];
    await expect(a.ask(process, { commit: offsets })).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    a.take(again);
    await settle(process, a, b);
    expect([...a.values, ...b.values].sort((x, y) => x.localeCompare(y))).toEqual(['x', 'x', 'y', 'y']);
  });

  test('of a member that begins at the end is served again, though the end is further on then', async () => {
    const { processes } = await groupWorld({ partitions: 1 });
    const [one, other] = processes;
    await produce(one, 0, 'before');
    const consumer = new GroupConsumer({ reset: 'latest' });
    const waiting = consumer.ask(one, { waitMs: 20_000, wishes: { instanceId: 'i' } });
    await idle();
    await produce(one, 0, 'x');
    expect(valuesOf(await waiting)).toEqual(['x']);
    await consumer.poll(other, { wishes: { instanceId: 'i' } });
    expect(consumer.values).toEqual(['x']);
    expect(await committed(one)).toEqual({ 0: 1 });
  });

  test('that gave something up hinders no commit of what stayed', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    for (const partition of [0, 1]) await produce(process, partition, 'x', 'y');
    const [a, b] = [new GroupConsumer(), new GroupConsumer()];
    const { memberId, epoch } = await a.poll(process, { maxRecords: 2 });
    await b.poll(process);
    const told = await a.poll(process, { maxRecords: 1 });
    const [kept, given] = [a.partitions[0] as number, told.revoked[0]?.partitions[0] as number];
    const commit = (partition: number) => {
      const offsets = [{ topic: 't', partition, offset: 2 }];
      return commitOffsets(process.broker, { group: GROUP, memberId, epoch, offsets });
    };
    expect((await a.ask(process, { commit: 'none' })).epoch).toBeGreaterThan(epoch);
    await commit(kept);
    await expect(commit(given)).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    expect((await committed(process))[kept]).toBe(2);
    const offsets = [{ topic: 't', partition: kept, offset: 1 }];
    await a.poll(process, { commit: [{ ...offsets[0], offset: 3 } as (typeof offsets)[0]] });
    expect((await committed(process))[kept]).toBe(3);
  });

  test('is asked for again, and the first poll comes at last: what was committed since is not taken back', async () => {
    const { processes } = await groupWorld({ partitions: 1 });
    const [frozen, process] = processes;
    await produce(process, 0, 'a', 'b', 'c');
    const consumer = new GroupConsumer();
    await consumer.poll(process, { maxRecords: 1 });
    const thaw = Promise.withResolvers<void>();
    frozen.metadata.onWrite = async (proceed) => {
      await thaw.promise;
      return proceed();
    };
    const late = consumer.ask(frozen, { maxRecords: 1 });
    await idle();
    for (let polls = 0; polls < 3; polls++) await consumer.poll(process, { maxRecords: 1 });
    expect(await committed(process)).toEqual({ 0: 3 });
    thaw.resolve();
    await frozen.clock.until(late);
    expect(await committed(process)).toEqual({ 0: 3 });
  });

  test('of more partitions than one write takes, made at last, takes nothing back either', async () => {
    const { processes } = await groupWorld({ partitions: 1_600 });
    const [frozen, process] = processes;
    const consumer = new GroupConsumer();
    await consumer.poll(process, { maxRecords: 0 });
    const thaw = Promise.withResolvers<void>();
    frozen.metadata.onWrite = async (proceed) => {
      await thaw.promise;
      return proceed();
    };
    const late = consumer.ask(frozen, { maxRecords: 0 });
    await idle();
    await produce(process, 0, 'a');
    for (let polls = 0; polls < 2; polls++) await consumer.poll(process);
    expect((await committed(process))[0]).toBe(1);
    thaw.resolve();
    await frozen.clock.until(late);
    expect((await committed(process))[0]).toBe(1);
  });

  test('of a write: the poll finds out, and takes effect once', async () => {
    const { processes } = await groupWorld({ partitions: 1 });
    const [process] = processes;
    await produce(process, 0, 'a', 'b');
    const consumer = new GroupConsumer();
    await consumer.poll(process, { maxRecords: 1 });
    let losses = 0;
    process.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      if (writes.length < 2 || losses++ > 0) return result;
      throw lost();
    };
    const polling = consumer.poll(process);
    await process.clock.until(polling);
    expect(losses).toBe(1);
    expect(await committed(process)).toEqual({ 0: 1 });
    expect(consumer.values).toEqual(['a', 'b']);
  });

  test.each([
    { what: 'topics', maxRecords: 0 },
    { what: 'topics', maxRecords: 1 },
  ])('that fails after its commit ($maxRecords records) is not said to be without effect', async ({ maxRecords }) => {
    const { processes } = await groupWorld({ partitions: 1 });
    const [one, other] = processes;
    await produce(one, 0, 'a', 'b');
    const consumer = new GroupConsumer();
    await consumer.poll(one, { maxRecords: 1 });
    other.metadata.onWrite = async (proceed) => {
      const result = await proceed();
      // From here on the other process knows of no topic, and cannot ask.
      other.broker.topics.forget('t');
      other.metadata.onGet = () => Promise.reject(throttled());
      return result;
    };
    await expect(consumer.ask(other, { maxRecords })).rejects.toMatchObject({ effect: 'unknown' });
    expect(await committed(one)).toEqual({ 0: 1 });
  });

  test('of a join with an id of its own: the same again finds the same member', async () => {
    const { processes } = await groupWorld();
    const [one, other] = processes;
    await produce(one, 0, 'a');
    const consumer = new GroupConsumer();
    const joinId = 'abcdefghijklmnopqrstu1';
    const lostOne = await consumer.ask(one, { joinId });
    const again = await consumer.poll(other, { joinId });
    expect(again.memberId).toBe(lostOne.memberId);
    expect([again.assignment, consumer.values]).toEqual([lostOne.assignment, ['a']]);
    expect((await describeGroup(one.broker, GROUP)).members.size).toBe(1);
    const stranger = await new GroupConsumer().poll(one, { joinId: 'abcdefghijklmnopqrstu2' });
    expect(stranger.memberId).not.toBe(again.memberId);
  });

  test('of a join that comes late gives nothing up that the member is still at work on', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    const [a, b] = [new GroupConsumer(), new GroupConsumer()];
    const joinId = 'abcdefghijklmnopqrstu1';
    const { epoch } = await a.poll(process, { joinId });
    await b.poll(process);
    expect((await a.poll(process)).revoked).toHaveLength(1);
    const late = await new GroupConsumer().ask(process, { joinId });
    expect([late.epoch, late.revoked]).toEqual([epoch, a.last?.revoked]);
    expect((await a.poll(process)).epoch).toBeGreaterThan(epoch);
  });

  test('of a join that fails leaves nobody behind, or who can find itself', async () => {
    const { processes } = await groupWorld();
    const [process, other] = processes;
    const failing = (options: { joinId?: string }) => {
      process.metadata.onWrite = async (proceed, writes) => {
        if (!writes.some(({ key }) => key.sk === 'state')) return proceed();
        process.metadata.onWrite = undefined;
        throw throttled();
      };
      return new GroupConsumer().ask(process, options);
    };
    await expect(failing({})).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    expect((await describeGroup(other.broker, GROUP).catch(codeOf)) as unknown).toBe('GROUP_ID_NOT_FOUND');
    const joinId = 'abcdefghijklmnopqrstu1';
    await expect(failing({ joinId })).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    const found = await new GroupConsumer().poll(other, { joinId });
    expect(found.assignment).toHaveLength(1);
    expect((await describeGroup(other.broker, GROUP)).members.size).toBe(1);
  });

  test('of a join that is broken off half-way keeps a group from being empty for a session, and no longer', async () => {
    const { processes } = await groupWorld();
    const [crashing, other] = processes;
    crashing.metadata.onWrite = (proceed, [first]) =>
      first?.key.sk.startsWith('member#') === true && first.kind === 'put' ? proceed() : Promise.reject(throttled());
    await new GroupConsumer().ask(crashing).catch(() => {});
    const offsets = [{ topic: 't', partition: 0, offset: 0 }];
    await commitOffsets(other.broker, { group: GROUP, offsets });
    const deleting = () => deleteGroup(other.broker, GROUP).then(() => 'deleted', codeOf);
    expect(await deleting()).toBe('NON_EMPTY_GROUP');
    const outcomes = [];
    for (let waits = 0; waits < 4; waits++) {
      await other.clock.advance(groupLimits.groupSessionTimeoutMsDefault / 2);
      outcomes.push(await deleting());
    }
    expect(outcomes).toContain('deleted');
  });

  test('of a join: nobody is left behind but for a session', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer();
    process.metadata.onWrite = async (proceed, [first]) => {
      const result = await proceed();
      if (first?.key.sk.startsWith('member#') === true) {
        process.metadata.onWrite = undefined;
        throw lost();
      }
      return result;
    };
    await consumer.poll(process);
    expect(consumer.partitions).toEqual([0, 1, 2, 3]);
    expect((await describeGroup(process.broker, GROUP)).members.size).toBe(1);
  });
});

describe('a wait', () => {
  test('over which a partition was somebody else’s and came back goes on where that one has got to', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [one, other] = processes;
    const [a, b] = [new GroupConsumer(), new GroupConsumer()];
    await a.poll(one);
    const thaw = Promise.withResolvers<void>();
    const waiting = a.ask(one, { waitMs: 20_000 });
    await idle();
    one.metadata.onGet = async (proceed, key) => {
      if (key.sk === 'head') await thaw.promise;
      return proceed();
    };
    await b.poll(other);
    const given = (await a.ask(other)).revoked[0]?.partitions[0] as number;
    await a.ask(other, { cursor: undefined });
    await produce(other, given, 'x', 'y');
    for (let polls = 0; polls < 2; polls++) await b.poll(other);
    expect([b.values, (await committed(other))[given]]).toEqual([['x', 'y'], 2]);
    await leaveGroup(other.broker, { group: GROUP, memberId: b.member as string });
    expect((await a.ask(other, { cursor: undefined, maxRecords: 0 })).assignment[0]?.partitions).toHaveLength(2);
    await one.clock.advance(groupLimits.groupWaitLookMs + 500);
    thaw.resolve();
    await produce(one, given, 'z');
    await one.clock.until(waiting);
    a.take(await waiting);
    expect(a.values).toEqual(['z']);
  });

  test('by pattern looks up no topics but those it has partitions of', async () => {
    const { processes } = await groupWorld({ partitions: 1 });
    const [one, other] = processes;
    for (let index = 0; index < 50; index++) await createTopic(other.broker, { name: `other${index}` });
    const consumer = new GroupConsumer({ wishes: { names: undefined, pattern: 't' } });
    await consumer.poll(one);
    await one.clock.advance(cacheLimits.topicCacheMs + 1);
    one.metadata.forget();
    await consumer.poll(one);
    expect(consumer.partitions).toEqual([0]);
    expect(one.metadata.calls.length).toBeLessThan(20);
  });

  test('ends with a produce of the same process in the same moment', async () => {
    const { processes } = await groupWorld({ partitions: 40 });
    const [process] = processes;
    const consumer = new GroupConsumer();
    await consumer.poll(process);
    const waiting = consumer.poll(process, { waitMs: 20_000 });
    await idle();
    const before = process.clock.now();
    await produce(process, 33, 'x');
    await waiting;
    expect(process.clock.now()).toBe(before);
    expect(consumer.values).toEqual(['x']);
    expect(process.clock.sleeping).toBe(0);
  });

  test('ends at its time where nothing comes, and shows meanwhile that the member lives', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer({ wishes: { sessionTimeoutMs: 6_000 } });
    await consumer.poll(process);
    const waiting = consumer.poll(process, { waitMs: 20_000 });
    expect(await process.clock.until(waiting)).toBe(20_000);
    const { members } = await describeGroup(process.broker, GROUP);
    for (const { seenMs } of members.values()) expect(process.clock.now() - seenMs).toBeLessThanOrEqual(2_100);
    expect(process.clock.sleeping).toBe(0);
  });

  test('ends soon where another process rebalances the group, and at once where this one does', async () => {
    const { processes } = await groupWorld({ partitions: 6 });
    const [one, other] = processes;
    const [a, b, c] = [new GroupConsumer(), new GroupConsumer(), new GroupConsumer()];
    await a.poll(one);
    let waiting = a.poll(one, { waitMs: 20_000 });
    await idle();
    await b.poll(other);
    expect(await one.clock.until(waiting)).toBeLessThanOrEqual(
      groupLimits.groupWaitLookMs + groupLimits.groupStateAgeMs,
    );
    expect(a.last?.revoked.flatMap(({ partitions }) => partitions)).toHaveLength(3);
    await settle(one, a, b);
    waiting = a.poll(one, { waitMs: 20_000 });
    await idle();
    const before = one.clock.now();
    await c.poll(one);
    await idle();
    await one.clock.until(waiting);
    expect(one.clock.now()).toBe(before);
  });

  test('for partitions that others are to give up ends when they have', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [one, other] = processes;
    for (const partition of [0, 1]) await produce(one, partition, 'x');
    const [a, b] = [new GroupConsumer({ commit: 'none' }), new GroupConsumer()];
    await a.poll(one);
    const joining = b.poll(other, { waitMs: 20_000 });
    await idle();
    await one.clock.advance(1_000);
    await a.poll(one);
    await a.poll(one);
    expect(await one.clock.until(joining)).toBeLessThanOrEqual(2 * groupLimits.groupHandOverLookMs);
    expect(b.partitions).toHaveLength(1);
    expect(b.values).toEqual(['x']);
  });

  test('ends when the caller is gone', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer();
    const gone = new AbortController();
    const waiting = consumer.poll(process, { waitMs: 20_000, signal: gone.signal });
    await idle();
    gone.abort();
    await waiting;
    expect(process.clock.sleeping).toBe(0);
  });
});

describe('members that are silent', () => {
  test('lose their place when their session is over, to whoever polls; what they did not commit comes again', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [one, other] = processes;
    const wishes = { sessionTimeoutMs: 6_000 };
    const [a, b] = [new GroupConsumer({ wishes }), new GroupConsumer({ wishes })];
    await a.poll(one);
    await b.poll(other);
    await one.clock.advance(1_000);
    for (let turn = 0; turn < 4; turn++) {
      await a.poll(one);
      await b.poll(other);
    }
    expect([a.partitions.length, b.partitions.length]).toEqual([1, 1]);
    await produce(one, a.partitions[0] as number, 'x');
    await a.poll(one);
    expect(a.values).toEqual(['x']);
    const silentSince = one.clock.now();
    while (b.partitions.length < 2) {
      await one.clock.advance(1_000);
      await b.poll(other);
      expect(one.clock.now() - silentSince).toBeLessThan(20_000);
    }
    expect(one.clock.now() - silentSince).toBeGreaterThanOrEqual(6_000);
    expect(b.values).toEqual(['x']);
    await expect(a.poll(one)).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
    const late = { group: GROUP, memberId: a.member as string, offsets: [{ topic: 't', partition: 0, offset: 1 }] };
    await expect(commitOffsets(one.broker, late)).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
  });

  test('but for heartbeats keep it', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer({ wishes: { sessionTimeoutMs: 6_000 } });
    await consumer.poll(process);
    for (let beat = 0; beat < 20; beat++) {
      await process.clock.advance(2_000);
      await consumer.poll(process, { maxRecords: 0 });
    }
    expect(consumer.partitions).toEqual([0, 1, 2, 3]);
  });

  test('to what they are to give up lose their place after the rebalance timeout', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    const stuck = new GroupConsumer({ wishes: { rebalanceTimeoutMs: 10_000 } });
    const waiting = new GroupConsumer();
    const codes: string[] = [];
    await stuck.poll(process);
    await waiting.poll(process);
    for (let turn = 0; turn < 30 && waiting.partitions.length < 2; turn++) {
      await process.clock.advance(1_000);
      // It lives, and sends the same cursor again and again.
      codes.push(await stuck.ask(process, { maxRecords: 0 }).then(() => 'a member', codeOf));
      await waiting.poll(process);
    }
    expect(codes.slice(0, 8)).toEqual(Array(8).fill('a member'));
    expect(codes.at(-1)).toBe('UNKNOWN_MEMBER_ID');
    expect(waiting.partitions).toEqual([0, 1]);
  });
});

describe('topics', () => {
  test('that grow, go and come are noticed by a look', async () => {
    const { processes } = await groupWorld({ partitions: 1 });
    const [one, other] = processes;
    const consumer = new GroupConsumer({ wishes: { names: ['t', 'u'] } });
    await consumer.poll(one);
    await alterTopic(other.broker, 't', { partitions: 3 });
    const untilAssigned = async (expected: object[]) => {
      for (let turn = 0; turn < 15; turn++) {
        await one.clock.advance(1_000);
        await consumer.poll(one);
        if (JSON.stringify(consumer.last?.assignment) === JSON.stringify(expected)) return;
      }
      expect(consumer.last?.assignment).toEqual(expected);
    };
    await untilAssigned([{ topic: 't', partitions: [0, 1, 2] }]);
    await createTopic(other.broker, { name: 'u' });
    await deleteTopic(other.broker, 't');
    await untilAssigned([{ topic: 'u', partitions: [0] }]);
    await createTopic(other.broker, { name: 't' });
    await produceBatches(other.broker, { topic: 't', partition: 0, batches: batchOf('new'), acks: 'all' });
    for (let turn = 0; turn < 15 && consumer.values.length === 0; turn++) {
      await one.clock.advance(1_000);
      await consumer.poll(one);
    }
    expect(consumer.values).toEqual(['new']);
  });
});

describe('leaving', () => {
  test('may keep a static member’s partitions for it', async () => {
    const { processes } = await groupWorld({ partitions: 2 });
    const [process] = processes;
    const [a, b] = [new GroupConsumer({ wishes: { instanceId: 'a' } }), new GroupConsumer()];
    await settle(process, a, b);
    const before = a.partitions;
    await leaveGroup(process.broker, { group: GROUP, memberId: a.member as string, keepSeat: true });
    await settle(process, b);
    expect(b.partitions).toHaveLength(1);
    const back = new GroupConsumer({ wishes: { instanceId: 'a' } });
    await back.poll(process);
    expect(back.partitions).toEqual(before);
  });

  test('twice is refused', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer();
    await consumer.poll(process);
    const leave = () => leaveGroup(process.broker, { group: GROUP, memberId: consumer.member as string });
    await leave();
    await expect(leave()).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
  });
});
