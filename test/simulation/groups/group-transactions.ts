/**
 * Consume, transform, produce, as a member of a group: the copies of what was received and how far it was, in one
 * transaction, which counts only as long as the member still has the partitions. Its transactional id is its own alone,
 * so that nothing but the group's fence is between it and whoever gets its partitions.
 */
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { randomBelow } from '../../../lib/kernel/random.ts';
import { GROUP } from './group-history.ts';
import type { GroupMember, Received } from './group-members.ts';

export const OUTPUTS = 'outputs';
export const OUTPUT_PARTITIONS = 2;
const PATIENCE_MS = 4_000;

/** Sends it until it is known what became of it. */
export async function transform(member: GroupMember, received: readonly Received[]): Promise<void> {
  const { memberId, epoch, process, random, site, plan } = member;
  if (memberId === undefined) return;
  const number = member.transactions++;
  const records = received.flatMap(({ values }) =>
    values.map((value) => {
      const partition = randomBelow(random, OUTPUT_PARTITIONS);
      return { topic: OUTPUTS, partition, key: null, value: utf8(value), headers: [] };
    }),
  );
  // One for all sendings: they are one transaction.
  const { token: metadata } = member.newAsk(memberId);
  const offsets = received.map(({ topic, partition, nextOffset: offset }) => ({ topic, partition, offset, metadata }));
  const by = { memberId, epoch, ...(plan.instanceId !== undefined && { instanceId: plan.instanceId }) };
  const request = {
    transactionalId: process.name,
    caller: { epoch: 0, number },
    records,
    offsets: { group: GROUP, member: by, offsets },
  };
  for (;;) {
    const asked = await member.ask(PATIENCE_MS, (broker) => transact(broker, request));
    if (asked.kind === 'answer') {
      site.history.count('transactions committed');
      return;
    }
    if (asked.kind === 'error') {
      const { code } = asked.error;
      if (code === 'FENCED_MEMBER_EPOCH') {
        // No later attempt can be applied either: the epoch never comes back.
        site.history.count('transactions fenced');
        return member.rewind();
      }
      if (code === 'UNKNOWN_MEMBER_ID' || code === 'FENCED_INSTANCE_ID') {
        site.history.count('transactions fenced');
        return member.failed(asked.error);
      }
      // Of partitions that are gone, with their topic.
      if (code === 'INVALID_REQUEST' || code === 'UNKNOWN_TOPIC_OR_PARTITION') return member.rewind();
    }
    await site.scheduler.pause(process, 200 + random.fraction() * 600);
  }
}
