import { describe, expect, test } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { type TransactRequest, transact } from '../../../lib/broker/transactions/transact.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { MillraceError } from '../../../lib/kernel/errors.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { headOf, makeBroker, makeStores, objectNames } from '../../support/broker.ts';
import { committedOffset, finished, makeTopics, recordCounts, to, valuesIn } from '../../support/transactions.ts';

async function world(options: { partitions?: number; ledgerPartitions?: number } = {}) {
  const stores = makeStores();
  const topics = await makeTopics({ stores, ...options });
  const process = makeBroker({ stores });
  const write = (request: TransactRequest) => finished(process, transact(process.broker, request));
  return { stores, process, write, ...topics };
}

describe('a transaction', () => {
  test('writes to all its partitions and commits its offsets, and says where the records are', async () => {
    const { stores, process, write, a, b } = await world();
    await write({ records: [to('a', 1, 'before')] });
    const { records, repeated } = await write({
      records: [to('a', 1, 'x'), to('b', 0, 'y'), to('a', 1, 'z'), to('a', 3, 'w')],
      offsets: { group: 'g', offsets: [{ topic: 'b', partition: 2, offset: 17, metadata: 'm', leaderEpoch: 4 }] },
    });
    expect(repeated).toBe(false);
    expect(records.map(({ topic, partition, offset }) => [topic, partition, offset])).toEqual([
      ['a', 1, 1],
      ['b', 0, 0],
      ['a', 1, 2],
      ['a', 3, 0],
    ]);
    expect(await valuesIn(process, 'a', 1)).toEqual(['before', 'x', 'z']);
    expect(await recordCounts(stores.metadata, a)).toEqual([0, 3, 0, 1]);
    expect(await recordCounts(stores.metadata, b)).toEqual([1, 0, 0, 0]);
    expect(await committedOffset(stores.metadata, { group: 'g', topic: b, partition: 2 })).toBe(17);
  });

  test('is one object and one atomic write, whatever the partitions', async () => {
    const { stores, a, process, write } = await world({ partitions: 8 });
    const records = Array.from({ length: 8 }, (_, partition) => to('a', partition, 'v'));
    const offsets = { group: 'g', offsets: [0, 1].map((partition) => ({ topic: 'b', partition, offset: 1 })) };
    await write({ records, offsets });
    expect(process.objects.count('put')).toBe(1);
    const { tail } = await headOf(stores.metadata, { topicId: a.topicId, index: 0 });
    expect(tail.map(({ alone }) => alone)).toEqual([undefined]);
    expect(process.metadata.calls.filter((call) => call.startsWith('write'))).toEqual([
      'write g', // the directory of groups, now and then
      `write ${'head '.repeat(8)}offset#${(await process.broker.topics.get('b')).topicId}#0000`,
    ]);
  });

  test('of one ledger, without offsets and transactional id, is a plain append: no read to learn the offsets', async () => {
    const { stores, a, process, write } = await world({ ledgerPartitions: 16 });
    await write({ records: [to('a', 0, 'v')] });
    process.metadata.forget();
    const { records } = await write({ records: [to('a', 0, 'v'), to('a', 2, 'v')] });
    expect(records.map(({ offset }) => offset)).toEqual([1, 0]);
    expect(process.metadata.calls).toEqual(['write head']);
    expect((await headOf(stores.metadata, { topicId: a.topicId, index: 0 })).tail).toMatchObject([
      { alone: true },
      { alone: true },
    ]);
  });

  test('partitions records by key, and those without one together, by topic', async () => {
    const { write } = await world();
    const { records } = await write({
      records: [
        { topic: 'a', key: utf8('k'), value: null, headers: [] },
        { topic: 'b', key: null, value: utf8('1'), headers: [] },
        { topic: 'a', key: utf8('k'), value: null, headers: [] },
        { topic: 'b', key: null, value: utf8('2'), headers: [] },
      ],
    });
    expect(records[0]?.partition).toBe(records[2]?.partition);
    expect(records[1]?.partition).toBe(records[3]?.partition);
    expect(records.map(({ offset }) => offset)).toEqual([0, 0, 1, 1]);
  });

  test('of offsets alone writes them and no object', async () => {
    const { stores, process, write, a } = await world();
    const offsets = { group: 'g', offsets: [{ topic: 'a', partition: 0, offset: 5 }] };
    expect(await write({ records: [], offsets })).toEqual({ records: [], repeated: false });
    expect(process.objects.count('put')).toBe(0);
    expect(await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 0 })).toBe(5);
  });

  test('wakes who waits for records of this process, of every ledger', async () => {
    const { process, write, a } = await world();
    const { ledger } = { ledger: { topicId: a.topicId, index: 3 } };
    const waiting = process.broker.watcher.wait(ledger, (head) => head.next[0] === 1, { timeoutMs: 20_000 });
    await write({ records: [to('a', 0, 'v'), to('a', 3, 'v')] });
    expect((await waiting)?.next[0]).toBe(1);
  });

  test('keeps its bytes in memory, so that they are not read from the store', async () => {
    const { process, write } = await world();
    await write({ records: [to('a', 0, 'v'), to('b', 0, 'v')] });
    await valuesIn(process, 'b', 0);
    expect(process.objects.count('getRange')).toBe(0);
  });

  test('starts a seal where it fills a tail to its measure, in whichever ledger', async () => {
    const { stores, process, write, a } = await world();
    for (let times = 0; times < ledgerLimits.tailEntriesSeal; times++) {
      await write({ records: [to('a', 0, 'v'), to('a', 1, 'v')] });
    }
    await process.broker.sealer.settled();
    for (const index of [0, 1]) {
      expect((await process.broker.heads.strong({ topicId: a.topicId, index }))?.sealed).toBe(1);
    }
    expect(await recordCounts(stores.metadata, a)).toEqual([8, 8, 0, 0]);
  });

  test('goes to a topic that was created anew since its config was read', async () => {
    const { stores, process, write } = await world();
    await write({ records: [to('a', 0, 'v')] });
    const other = makeBroker({ stores });
    await deleteTopic(other.broker, 'a');
    await createTopic(other.broker, { name: 'a', partitions: 2 });
    const { records } = await write({ records: [to('a', 0, 'v'), to('b', 0, 'v')] });
    expect(records.map(({ offset }) => offset)).toEqual([0, 0]);
    expect(await valuesIn(process, 'a', 0)).toEqual(['v']);
  });
});

describe('a transaction is refused as a whole, and nothing of it is written,', () => {
  /** The fault, once it is checked that nothing is there. */
  const refusal = async (request: Partial<TransactRequest>) => {
    const { stores, process, write, a, b } = await world();
    const fault = await write({ records: [to('a', 0, 'fine')], ...request }).then(
      () => undefined,
      (error: MillraceError) => error,
    );
    const counts = [...(await recordCounts(stores.metadata, a)), ...(await recordCounts(stores.metadata, b))];
    expect(counts).toEqual(Array(8).fill(0));
    expect(await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 0 })).toBeUndefined();
    expect(await objectNames(process)).toEqual([]);
    return fault;
  };
  const offset = { topic: 'a', partition: 0, offset: 1 };

  test('with a record for a topic that there is not', async () => {
    expect(await refusal({ records: [to('a', 0, 'v'), to('nope', 0, 'v')] })).toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      effect: 'none',
    });
  });

  test('with a record for a partition that there is not, which is named', async () => {
    const error = await refusal({ records: [to('a', 0, 'v'), to('b', 4, 'v')] });
    expect(error).toMatchObject({ facts: { field: 'records[1]' } });
  });

  test('with a timestamp out of bounds', async () => {
    expect(await refusal({ records: [{ ...to('a', 0, 'v'), timestamp: 2 ** 48 }] })).toMatchObject({
      code: 'INVALID_TIMESTAMP',
      effect: 'none',
    });
  });

  test('with offsets of a topic or partition that there is not', async () => {
    const unknownTopic = { group: 'g', offsets: [offset, { ...offset, topic: 'nope' }] };
    expect(await refusal({ offsets: unknownTopic })).toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      effect: 'none',
    });
    const unknownPartition = { group: 'g', offsets: [{ ...offset, partition: 4 }] };
    expect(await refusal({ offsets: unknownPartition })).toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      effect: 'none',
    });
  });

  test('with an offset that is there twice, or metadata that is too long', async () => {
    expect(await refusal({ offsets: { group: 'g', offsets: [offset, offset] } })).toMatchObject({
      code: 'INVALID_REQUEST',
      effect: 'none',
    });
    const metadata = 'é'.repeat(transactionLimits.offsetMetadataBytesMax / 2 + 1);
    expect(await refusal({ offsets: { group: 'g', offsets: [{ ...offset, metadata }] } })).toMatchObject({
      code: 'OFFSET_METADATA_TOO_LARGE',
      effect: 'none',
    });
  });

  test('with a group or a transactional id that is none', async () => {
    expect(await refusal({ offsets: { group: '', offsets: [offset] } })).toMatchObject({
      code: 'INVALID_GROUP_ID',
      effect: 'none',
    });
    expect(await refusal({ transactionalId: '' })).toMatchObject({ code: 'INVALID_REQUEST', effect: 'none' });
  });

  test('with nothing in it', async () => {
    expect(await refusal({ records: [] })).toMatchObject({ code: 'INVALID_REQUEST', effect: 'none' });
    expect(await refusal({ records: [], offsets: { group: 'g', offsets: [] } })).toMatchObject({
      code: 'INVALID_REQUEST',
      effect: 'none',
    });
  });

  test('beyond the items of one atomic write, naming the limit and the ledgers', async () => {
    const { stores, write, a } = await world({ partitions: 101 });
    const records = (count: number) => Array.from({ length: count }, (_, partition) => to('a', partition, 'v'));
    await expect(write({ records: records(101) })).rejects.toMatchObject({
      code: 'POLICY_VIOLATION',
      message: expect.stringMatching(/101 ledgers.*transactionItemsMax/) as unknown,
    });
    await expect(write({ records: records(100), transactionalId: 'x' })).rejects.toThrow('transactionItemsMax');
    expect((await recordCounts(stores.metadata, a)).every((count) => count === 0)).toBe(true);
    await write({ records: records(99), transactionalId: 'x' });
    expect((await recordCounts(stores.metadata, a)).filter((count) => count === 1)).toHaveLength(99);
  });
});

describe('a transactional id', () => {
  const records = [to('a', 1, 'x'), to('b', 2, 'y'), to('a', 1, 'z')];
  const numbered = (number: number, epoch = 0): TransactRequest => ({
    transactionalId: 'id',
    caller: { epoch, number },
    records,
    offsets: { group: 'g', offsets: [{ topic: 'b', partition: 0, offset: number }] },
  });

  test('gives a repeated number the first answer, from any process, however much came since', async () => {
    const { stores, process, write, a } = await world();
    const first = await write(numbered(0));
    for (let times = 0; times < 30; times++) await write({ records: [to('a', 1, 'more'), to('a', 0, 'v')] });
    await process.broker.sealer.settled();
    const other = makeBroker({ stores });
    const again = await transact(other.broker, { ...numbered(0), records: [to('a', 3, 'something else')] });
    expect(again).toEqual({ records: first.records, repeated: true });
    expect((await recordCounts(stores.metadata, a))[1]).toBe(32);
  });

  test('refuses an old epoch, a number that skips, and one that went by', async () => {
    const { write } = await world();
    await write(numbered(0, 3));
    await write(numbered(1, 3));
    await expect(write(numbered(2, 2))).rejects.toMatchObject({ code: 'INVALID_PRODUCER_EPOCH', effect: 'none' });
    await expect(write(numbered(0, 3))).rejects.toMatchObject({ code: 'DUPLICATE_SEQUENCE_NUMBER' });
    await expect(write(numbered(3, 3))).rejects.toMatchObject({
      code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      facts: { expectedSequence: 2 },
    });
  });

  test('orders what comes at once under it, in one process and in several', async () => {
    const { stores, process, a } = await world();
    const other = makeBroker({ stores });
    const request = { transactionalId: 'id', records: [to('a', 0, 'v'), to('b', 0, 'v')] };
    const all = [process, other].flatMap(({ broker }) => Array.from({ length: 10 }, () => transact(broker, request)));
    const answers = await finished(process, Promise.all(all));
    const offsets = answers.map(({ records: [first] }) => first?.offset).sort((x = 0, y = 0) => x - y);
    expect(offsets).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect((await recordCounts(stores.metadata, a))[0]).toBe(20);
  });

  test('lets one of two win that commit the same number at once, and tells both the same', async () => {
    const { stores, process, a } = await world();
    const other = makeBroker({ stores });
    const both = [process, other].map(({ broker }) => transact(broker, numbered(0)));
    const [first, second] = await finished(process, Promise.all(both));
    expect(first?.records).toEqual(second?.records);
    expect([first?.repeated, second?.repeated].filter((repeated) => repeated === true)).toHaveLength(1);
    expect((await recordCounts(stores.metadata, a))[1]).toBe(2);
  });

  test('says of a committed transaction whose topic is gone that it was committed', async () => {
    const { stores, process, write } = await world();
    await write(numbered(0));
    await deleteTopic(process.broker, 'a');
    const other = makeBroker({ stores });
    await expect(transact(other.broker, numbered(0))).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      effect: 'unknown',
    });
  });
});
