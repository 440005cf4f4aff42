import { describe, expect, test } from 'vitest';
import { createTopic } from '../../../lib/broker/create-topic.ts';
import { leaveGroup } from '../../../lib/broker/groups/leave-group.ts';
import { listOffsets } from '../../../lib/broker/list-offsets.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
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
  return { process, consumer, memberId, epoch, run, written };
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
