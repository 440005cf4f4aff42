/** Transactions as tests make them, and what the stores say of them afterwards. */

import { fetchRecords } from '../../lib/broker/fetch/fetch.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import type { TransactionRecord } from '../../lib/broker/transactions/prepare.ts';
import { decodeOffsets, offsetsKey } from '../../lib/coordination/groups/offsets-item.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { ledgerOf, type Topic } from '../../lib/log/topic/topic.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { makeBroker, type Process, runsOf, type Stores } from './broker.ts';
import type { ManualClock } from './manual-clock.ts';

export function to(topic: string, partition: number, value: string): TransactionRecord {
  return { topic, partition, key: null, value: utf8(value), headers: [] };
}

/** Topics `a` and `b` of `partitions` partitions, each of which is a ledger of its own unless told otherwise. */
export async function makeTopics({
  stores,
  partitions = 4,
  ledgerPartitions = 1,
  replicationFactor = 1,
}: {
  stores: Stores;
  partitions?: number;
  ledgerPartitions?: number;
  replicationFactor?: number;
}): Promise<{ a: Topic; b: Topic }> {
  const { broker } = makeBroker({ stores });
  for (const name of ['a', 'b']) {
    const config = { 'ledger.partitions': ledgerPartitions };
    await createTopic(broker, { name, partitions, replicationFactor, config });
  }
  return { a: await broker.topics.get('a'), b: await broker.topics.get('b') };
}

/** How many records each partition of the topic has, by the stores themselves. */
export async function recordCounts(metadata: MetadataStore, topic: Topic): Promise<number[]> {
  const counts: number[] = [];
  for (let partition = 0; partition < topic.partitions; partition++) {
    const { ledger, slot } = ledgerOf(topic, partition);
    const runs = await runsOf(metadata, ledger, slot);
    let next = 0;
    for (const { baseOffset, endOffset } of runs) {
      if (baseOffset !== next) throw new Error(`the partition ${partition} goes on at ${baseOffset}, not at ${next}`);
      next = endOffset;
    }
    counts.push(next);
  }
  return counts;
}

/** What the promise comes to, however long that takes by the clock. */
export async function finished<T>({ clock }: { clock: ManualClock }, promise: Promise<T>): Promise<T> {
  await clock.until(promise);
  return promise;
}

export async function valuesIn(
  { broker }: Pick<Process, 'broker'>,
  topic: string,
  partition: number,
): Promise<string[]> {
  const position = { at: 'earliest' } as const;
  const request = { topic, partition, position, maxRecords: 10_000, maxBytes: 1 << 20, minBytes: 1, waitMs: 0 };
  const { records } = await fetchRecords(broker, request);
  return records.map(({ value }) => new TextDecoder().decode(value ?? undefined));
}

/** All of a partition, which may be more than one fetch gives. */
export async function allValuesIn(
  { broker }: Pick<Process, 'broker'>,
  topic: string,
  partition: number,
): Promise<string[]> {
  const values: string[] = [];
  for (let offset = 0; ; ) {
    const position = { at: 'offset', offset } as const;
    const request = { topic, partition, position, maxRecords: 10_000, maxBytes: 1 << 20, minBytes: 1, waitMs: 0 };
    const { records, nextOffset } = await fetchRecords(broker, request);
    const offsets = records.map((record) => record.offset);
    if (offsets.some((found, index) => found !== offset + index))
      throw new Error(`${offsets.join()} are not from ${offset} on`);
    values.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined)));
    if (records.length === 0) return values;
    offset = nextOffset;
  }
}

export async function committedOffset(
  metadata: MetadataStore,
  { group, topic, partition }: { group: string; topic: Topic; partition: number },
): Promise<number | undefined> {
  const id = { group, topicId: topic.topicId, index: Math.floor(partition / 16) };
  const item = await metadata.get(offsetsKey(id), 'strong');
  return item === undefined ? undefined : decodeOffsets(item).slots[partition % 16]?.offset;
}
