import { describe, expect, it } from 'vitest';
import { fetchBatches, fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { planFetch } from '../../../lib/broker/fetch/plan-fetch.ts';
import { type DeletionEnd, deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import {
  headOf,
  lost,
  makeBroker,
  makeStores,
  makeTopic,
  type Process,
  record,
  settled,
} from '../../support/broker.ts';
import { readingWorld } from '../../support/reading-world.ts';

const BASE = Date.UTC(2026, 0, 1);
const REQUEST = { topic: 't', maxBytes: requestLimits.fetchBytesDefault, maxRecords: 500, minBytes: 1, waitMs: 0 };

/** A record each, a second apart. */
async function produce({ broker }: Process, count: number, { partition = 0, from = 0 } = {}) {
  for (let index = from; index < from + count; index++) {
    const batches = encodeBatch([record(`${index}`, { timestamp: BASE + index * 1_000 })]);
    await produceBatches(broker, { topic: 't', partition, batches, acks: 'all' });
  }
}

const remove = ({ broker }: Process, partition: number, before: DeletionEnd) =>
  deleteRecords(broker, { topic: 't', partitions: [{ partition, before }] });
const before = (offset: number): DeletionEnd => ({ at: 'offset', offset });
const fetch = ({ broker }: Process, offset: number, partition = 0) =>
  fetchRecords(broker, { ...REQUEST, partition, position: { at: 'offset', offset } });

describe('deleting records', () => {
  it('leaves the partition to begin there for everyone who looks', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    const { broker } = process;
    // Most of it in pages.
    await produce(process, 30);
    await settled(broker);
    expect((await fetch(process, 0)).records).toHaveLength(30);
    expect(await remove(process, 0, before(11))).toEqual([{ partition: 0, logStartOffset: 11 }]);
    for (const reader of [process, makeBroker({ stores })]) {
      const facts = { logStartOffset: 11, highWatermark: 30 };
      await expect(fetch(reader, 10)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', facts });
      const passOn = { ...REQUEST, partition: 0, position: { at: 'offset', offset: 3 } } as const;
      await expect(fetchBatches(reader.broker, passOn)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', facts });
      const plan = { topic: 't', partition: 0, offset: 10, maxBytes: 1 };
      await expect(planFetch(reader.broker, plan)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', facts });
      const earliest = { topic: 't', partition: 0, at: { at: 'earliest' } } as const;
      expect(await listOffsets(reader.broker, earliest)).toMatchObject({ offset: 11 });
      const since = { ...earliest, at: { at: 'timestamp', timestampMs: 0 } } as const;
      expect(await listOffsets(reader.broker, since)).toMatchObject({ offset: 11, timestamp: BASE + 11_000 });
      const fetched = await fetch(reader, 11);
      expect(fetched.records.map(({ offset }) => offset)).toEqual(Array.from({ length: 19 }, (_, index) => 11 + index));
      expect(fetched.logStartOffset).toBe(11);
    }
  });

  it('never moves a start back, and says where it is', async () => {
    const process = await makeTopic();
    await produce(process, 6);
    await remove(process, 0, before(4));
    const { version } = await headOf(process.metadata, process.ledger);
    for (const offset of [0, 3, 4]) {
      expect(await remove(process, 0, before(offset))).toEqual([{ partition: 0, logStartOffset: 4 }]);
    }
    expect((await headOf(process.metadata, process.ledger)).version).toBe(version);
  });

  it('takes the high watermark for everything, and a time for what is older', async () => {
    const process = await makeTopic({ partitions: 3 });
    await produce(process, 4, { partition: 0 });
    await produce(process, 4, { partition: 1 });
    await produce(process, 4, { partition: 2 });
    const time = (later: number): DeletionEnd => ({ at: 'timestamp', timestampMs: BASE + later });
    process.metadata.forget();
    const partitions = [
      { partition: 2, before: time(9_999) },
      { partition: 0, before: { at: 'high-watermark' } as const },
      { partition: 1, before: time(2_500) },
    ];
    expect(await deleteRecords(process.broker, { topic: 't', partitions })).toEqual([
      { partition: 2, logStartOffset: 4 },
      { partition: 0, logStartOffset: 4 },
      { partition: 1, logStartOffset: 3 },
    ]);
    // All of one ledger: one write.
    expect(process.metadata.count('write')).toBe(1);
    await produce(process, 1, { partition: 0, from: 4 });
    expect((await fetch(process, 4)).records).toHaveLength(1);
  });

  it('gives each partition its own outcome', async () => {
    const process = await makeTopic({ partitions: 2, config: { 'ledger.partitions': 1 } });
    await produce(process, 3, { partition: 1 });
    const partitions = [
      { partition: 0, before: before(1) },
      { partition: 1, before: before(2) },
      { partition: 2, before: before(0) },
    ];
    expect(await deleteRecords(process.broker, { topic: 't', partitions })).toMatchObject([
      { partition: 0, error: { code: 'OFFSET_OUT_OF_RANGE', facts: { logStartOffset: 0, highWatermark: 0 } } },
      { partition: 1, logStartOffset: 2 },
      { partition: 2, error: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } },
    ]);
  });

  it('is refused for topics that keep all their records, and for partitions that are named twice', async () => {
    const process = await makeTopic({ config: { 'cleanup.policy': 'compact' } });
    await expect(remove(process, 0, before(0))).rejects.toMatchObject({ code: 'POLICY_VIOLATION' });
    await alterTopic(process.broker, 't', { config: { 'cleanup.policy': 'compact,delete' } });
    expect(await remove(process, 0, before(0))).toEqual([{ partition: 0, logStartOffset: 0 }]);
    const twice = [0, 0].map((partition) => ({ partition, before: before(0) }));
    await expect(deleteRecords(process.broker, { topic: 't', partitions: twice })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      facts: { field: 'partitions[1].partition' },
    });
    await expect(deleteRecords(process.broker, { topic: 'none', partitions: [] })).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
  });

  it('ends at the high watermark of a replicated partition, whatever lies above it', async () => {
    const replicated = await readingWorld();
    await replicated.append({ values: ['a', 'b'] });
    await replicated.append({ values: ['c'], holders: 0b001 });
    const facts = { logStartOffset: 0, highWatermark: 2 };
    expect(await remove(replicated, 0, before(3))).toMatchObject([{ error: { code: 'OFFSET_OUT_OF_RANGE', facts } }]);
    expect(await remove(replicated, 0, { at: 'high-watermark' })).toEqual([{ partition: 0, logStartOffset: 2 }]);
  });

  it('looks again where someone else moved a start, and where an answer was lost', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores, partitions: 2 });
    const other = makeBroker({ stores });
    await produce(process, 6);
    await produce(process, 6, { partition: 1 });
    let attempts = 0;
    process.metadata.onWrite = async (proceed) => {
      attempts++;
      if (attempts === 1) await remove(other, 0, before(5));
      if (attempts < 3) return proceed();
      await proceed();
      throw lost();
    };
    const partitions = [0, 1].map((partition) => ({ partition, before: before(3) }));
    expect(await deleteRecords(process.broker, { topic: 't', partitions })).toEqual([
      { partition: 0, logStartOffset: 5 },
      { partition: 1, logStartOffset: 3 },
    ]);
    expect(attempts).toBe(2);
    expect(await remove(process, 1, before(6))).toEqual([{ partition: 1, logStartOffset: 6 }]);
    expect(attempts).toBe(3);
  });

  it('of a topic that is deleted meanwhile says so', async () => {
    const process = await makeTopic();
    await produce(process, 2);
    process.metadata.onWrite = (proceed, writes) => {
      if (writes[0]?.key.sk !== 'head' || writes[0].kind !== 'update') return proceed();
      process.metadata.onWrite = undefined;
      return process.metadata.write([{ kind: 'delete', key: headKey(process.ledger) }]).then(proceed);
    };
    expect(await remove(process, 0, before(1))).toMatchObject([
      { partition: 0, error: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } },
    ]);
  });
});
