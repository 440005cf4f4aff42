import { describe, expect, test } from 'vitest';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { leaveGroup } from '../../../lib/broker/groups/leave-group.ts';
import { poll } from '../../../lib/broker/groups/poll.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { abortTransaction } from '../../../lib/broker/transactions/abort-transaction.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import type { FencedMember } from '../../../lib/coordination/groups/fence.ts';
import { newJoinId } from '../../../lib/coordination/groups/seat.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { lost, type Process } from '../../support/broker.ts';
import { committed, GROUP, GroupConsumer, groupWorld, produce } from '../../support/group-consumers.ts';

async function world() {
  const { processes } = await groupWorld({ partitions: 2 });
  const [process] = processes;
  await createTopic(process.broker, { name: 'out' });
  await produce(process, 0, 'a');
  const consumer = new GroupConsumer({ commit: 'none' });
  await consumer.poll(process);
  const memberId = consumer.member as string;
  const epoch = consumer.last?.epoch as number;
  const run = (member: { memberId: string; epoch?: number }, transactionalId?: string) =>
    transact(process.broker, {
      ...(transactionalId !== undefined && { transactionalId }),
      records: [{ topic: 'out', key: null, value: utf8('A'), headers: [] }],
      offsets: { group: GROUP, member, offsets: [{ topic: 't', partition: 0, offset: 1 }] },
    });
  const written = async () =>
    (await listOffsets(process.broker, { topic: 'out', partition: 0, at: { at: 'latest' } })).offset;
  const record = { topic: 'out', key: null, value: utf8('A'), headers: [] };
  const inParts = async () => {
    const transactionalId = 'parts';
    const caller = { epoch: (await initializeTransactions(process.broker, { transactionalId })).epoch, number: 0 };
    const id = { transactionalId, caller };
    return {
      add: (part: number, member: FencedMember, partition = 0) =>
        addToTransaction(process.broker, {
          ...id,
          part,
          records: [record],
          offsets: { group: GROUP, member, offsets: [{ topic: 't', partition, offset: 1 }] },
        }),
      commit: async () => {
        const committing = commitTransaction(process.broker, id);
        await process.clock.until(committing);
        return committing;
      },
      abort: () => abortTransaction(process.broker, id),
    };
  };
  return { process, consumer, memberId, epoch, run, inParts, written };
}

/** Something happens between the look at the member and the atomic write. */
function beforeCommit(process: Process, meanwhile: () => Promise<unknown>): void {
  process.metadata.onWrite = async (proceed, writes) => {
    if (!writes.some(({ key }) => key.sk === 'head')) return proceed();
    process.metadata.onWrite = undefined;
    await meanwhile();
    return proceed();
  };
}

describe('offsets of a member in a transaction', () => {
  test.each([undefined, 'id'])('are fenced in the atomic write itself (transactional id %s)', async (id) => {
    const { process, memberId, epoch, run, written } = await world();
    beforeCommit(process, () => leaveGroup(process.broker, { group: GROUP, memberId }));
    const refused = run({ memberId, epoch }, id);
    await process.clock.until(refused);
    await expect(refused).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID', effect: 'none' });
    expect(await written()).toBe(0);
    expect(await committed(process)).toEqual({});
  });

  test('are refused of a static member that a late join brings back, after another had its seat', async () => {
    const { process, consumer, run, written } = await world();
    const wishes = { instanceId: 'till', names: ['t'] };
    const rest = { group: GROUP, wishes, commit: 'none', reset: 'earliest', maxRecords: 0 } as const;
    const ask = (who: { joinId: string } | { memberId: string }) =>
      poll(process.broker, { ...rest, ...who, maxBytes: 1_000, waitMs: 0, authorize: () => {} });
    const [first, second] = [newJoinId(seededRandom(1)), newJoinId(seededRandom(2))];
    const { memberId } = await ask({ joinId: first });
    await leaveGroup(process.broker, { group: GROUP, memberId: consumer.member as string });
    await process.clock.advance(groupLimits.groupLookMs);
    const { epoch } = await ask({ memberId });
    expect(epoch).toBeGreaterThan(0);
    await ask({ joinId: second });
    expect(await ask({ joinId: first })).toMatchObject({ memberId });
    await expect(run({ memberId, epoch })).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    expect(await written()).toBe(0);
  });

  test('of an epoch that nobody named are committed under the newest one', async () => {
    const { process, consumer, memberId, run, written } = await world();
    const other = new GroupConsumer();
    beforeCommit(process, async () => {
      await other.poll(process);
      await consumer.poll(process);
      await consumer.poll(process);
    });
    const owned = () => consumer.partitions.includes(0);
    const outcome = await run({ memberId }).then(
      () => 'committed',
      (error: unknown) => (error as { code: string }).code,
    );
    expect(outcome).toBe(owned() ? 'committed' : 'INVALID_REQUEST');
    expect(await written()).toBe(owned() ? 1 : 0);
  });

  test('are committed once where the answer of the write is lost', async () => {
    const { process, memberId, epoch, run, written } = await world();
    process.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      if (!writes.some(({ key }) => key.sk === 'head')) return result;
      process.metadata.onWrite = undefined;
      throw lost();
    };
    const running = run({ memberId, epoch });
    await process.clock.until(running);
    expect(await written()).toBe(1);
    expect(await committed(process)).toEqual({ 0: 1 });
  });
});

describe('offsets of a member in a transaction in parts', () => {
  test('are committed with it, and the commit repeated says so after the member has left', async () => {
    const { process, memberId, epoch, inParts, written } = await world();
    const { add, commit } = await inParts();
    await add(0, { memberId, epoch });
    await add(1, { memberId }, 1);
    expect(await committed(process)).toEqual({});
    expect(await commit()).toMatchObject({ partitions: [{ records: 2 }], repeated: false });
    expect(await committed(process)).toEqual({ 0: 1, 1: 1 });
    await leaveGroup(process.broker, { group: GROUP, memberId });
    expect(await commit()).toMatchObject({ partitions: [{ records: 2 }], repeated: true });
    expect(await written()).toBe(2);
  });

  test('are refused with their part, of which nothing stays, where the member may not commit them', async () => {
    const { memberId, epoch, inParts, written } = await world();
    const { add, commit } = await inParts();
    const cases: [FencedMember, string][] = [
      [{ memberId: 'm-nobody' }, 'UNKNOWN_MEMBER_ID'],
      [{ memberId, epoch: epoch - 1 }, 'FENCED_MEMBER_EPOCH'],
      [{ memberId, epoch: epoch + 1 }, 'FENCED_MEMBER_EPOCH'],
    ];
    for (const [member, code] of cases) {
      await expect(add(0, member)).rejects.toMatchObject({ code, effect: 'none' });
    }
    await add(0, { memberId, epoch });
    await commit();
    expect(await written()).toBe(1);
  });

  test('are refused at the commit where the member was fenced since, and the transaction can be aborted', async () => {
    const { process, memberId, epoch, inParts, written } = await world();
    const { add, commit, abort } = await inParts();
    await add(0, { memberId, epoch });
    await leaveGroup(process.broker, { group: GROUP, memberId });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(commit()).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID', effect: 'none' });
    }
    await abort();
    await expect(commit()).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
    expect(await written()).toBe(0);
    expect(await committed(process)).toEqual({});
  });

  test('are fenced in the atomic write itself', async () => {
    const { process, memberId, epoch, inParts, written } = await world();
    const { add, commit } = await inParts();
    await add(0, { memberId, epoch });
    beforeCommit(process, () => leaveGroup(process.broker, { group: GROUP, memberId }));
    await expect(commit()).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID', effect: 'none' });
    expect(await written()).toBe(0);
    expect(await committed(process)).toEqual({});
  });

  test('of an old epoch in one part are refused with all, whatever the other parts say', async () => {
    const { process, consumer, memberId, epoch, inParts, written } = await world();
    const { add, commit } = await inParts();
    for (const partition of [0, 1]) await add(partition, { memberId, epoch }, partition);
    const other = new GroupConsumer();
    await other.poll(process);
    await consumer.poll(process);
    await consumer.poll(process);
    const kept = consumer.partitions[0] as number;
    expect(consumer.last?.epoch).toBeGreaterThan(epoch);
    await add(2, { memberId }, kept);
    await expect(commit()).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH', effect: 'none' });
    expect(await written()).toBe(0);
  });

  test('of two members are committed together while both are in the group, and not otherwise', async () => {
    const { process, consumer, memberId, inParts, written } = await world();
    const other = new GroupConsumer();
    await other.poll(process);
    for (let poll = 0; poll < 2; poll++) {
      await consumer.poll(process);
      await other.poll(process);
    }
    const second = other.member as string;
    const { add, commit } = await inParts();
    await add(0, { memberId }, consumer.partitions[0]);
    await add(1, { memberId: second }, other.partitions[0]);
    beforeCommit(process, () => leaveGroup(process.broker, { group: GROUP, memberId: second }));
    await expect(commit()).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID', effect: 'none' });
    expect(await written()).toBe(0);
    expect(await committed(process)).toEqual({});
  });
});
