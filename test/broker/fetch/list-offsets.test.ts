import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { makeBroker, makeStores, makeTopic, type Process } from '../../support/broker.ts';
import { type Action, actions, buildPartition, type ExpectedBatch } from '../../support/random-partition.ts';

const ask = ({ broker }: Process, at: Parameters<typeof listOffsets>[1]['at'], partition = 0) =>
  listOffsets(broker, { topic: 't', partition, at });

/** The first record in offset order, of those at or above the log start, with this timestamp or a later one. */
function firstSince(batches: readonly ExpectedBatch[], timestampMs: number, logStart = 0) {
  const all = batches.flatMap(({ baseOffset, timestamps }) =>
    timestamps.map((timestamp, index) => ({ offset: baseOffset + index, timestamp })),
  );
  const found = all.find(({ offset, timestamp }) => offset >= logStart && timestamp >= timestampMs);
  return found ?? { offset: null, timestamp: null };
}

function newestSince(batches: readonly ExpectedBatch[], logStart: number) {
  const all = batches.flatMap(({ baseOffset, timestamps }) => timestamps.map((_, index) => baseOffset + index));
  const times = new Map(
    batches.flatMap(({ baseOffset, timestamps }) => timestamps.map((time, index) => [baseOffset + index, time])),
  );
  const live = all.filter((offset) => offset >= logStart && (times.get(offset) ?? -1) >= 0);
  const timestamp = Math.max(...live.map((offset) => times.get(offset) as number));
  const offset = live.find((each) => times.get(each) === timestamp);
  return offset === undefined ? { offset: null, timestamp: null } : { offset, timestamp };
}

const append = (...timestamps: number[]): Action => ({
  action: 'append',
  joined: true,
  batches: [{ timestamps, valueBytes: 1, compressionType: 'none' }],
});

describe('listOffsets', () => {
  it('finds the first record at or after a time, though timestamps are in no order', async () => {
    const times = fc.array(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(actions, times, fc.nat(), async (list, asked, seed) => {
        const { stores, process, ledger, batches, end } = await buildPartition(list);
        const logStart = seed % (end + 1);
        const raise = { set: { s0: logStart }, add: { v: 1 } };
        for (const start of [0, logStart]) {
          if (start > 0) await stores.metadata.write([{ kind: 'update', key: headKey(ledger), changes: raise }]);
          for (const reader of [process, makeBroker({ stores })]) {
            for (const timestampMs of asked) {
              expect(await ask(reader, { at: 'timestamp', timestampMs })).toEqual({
                ...firstSince(batches, timestampMs, start),
                leaderEpoch: 0,
              });
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('finds the first record with the newest timestamp, wherever it is', async () => {
    await fc.assert(
      fc.asyncProperty(actions, fc.nat(), async (list, seed) => {
        const { stores, process, ledger, batches, end } = await buildPartition(list);
        const logStart = seed % (end + 1);
        const raise = { set: { s0: logStart }, add: { v: 1 } };
        for (const start of [0, logStart]) {
          if (start > 0) await stores.metadata.write([{ kind: 'update', key: headKey(ledger), changes: raise }]);
          const { offset, timestamp } = await ask(process, { at: 'newest' });
          expect({ offset, timestamp }).toEqual(newestSince(batches, start));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('passes over records without a timestamp, in every page', async () => {
    const { process } = await buildPartition([
      append(-1),
      { action: 'seal' },
      append(0),
      { action: 'seal' },
      append(5),
    ]);
    expect(await ask(process, { at: 'timestamp', timestampMs: 0 })).toMatchObject({ offset: 1, timestamp: 0 });
  });

  it('says where a partition begins and ends', async () => {
    const { process, ledger, stores } = await buildPartition([append(1, 2, 3), { action: 'seal' }, append(4)]);
    expect(await ask(process, { at: 'earliest' })).toEqual({ offset: 0, timestamp: null, leaderEpoch: 0 });
    expect(await ask(process, { at: 'latest' })).toEqual({ offset: 4, timestamp: null, leaderEpoch: 0 });
    const changes = { set: { s0: 2, e: 3 }, add: { v: 1 } };
    await stores.metadata.write([{ kind: 'update', key: headKey(ledger), changes }]);
    // Of the record there, which is older than the newest epoch.
    expect(await ask(process, { at: 'earliest' })).toEqual({ offset: 2, timestamp: null, leaderEpoch: 0 });
    expect(await ask(process, { at: 'latest' }, 1)).toEqual({ offset: 0, timestamp: null, leaderEpoch: 3 });
  });

  it('answers from a strongly read head, whatever is cached', async () => {
    const stores = makeStores();
    const writer = await makeTopic({ stores });
    const reader = makeBroker({ stores });
    expect(await ask(reader, { at: 'latest' })).toMatchObject({ offset: 0 });
    const records = [{ key: null, value: null, headers: [], timestamp: writer.clock.now() }];
    await produceRecords(writer.broker, { topic: 't', records, acks: 'all' });
    expect(await ask(reader, { at: 'latest' })).toMatchObject({ offset: 1 });
    expect(await ask(reader, { at: 'timestamp', timestampMs: 5 })).toMatchObject({ offset: 0 });
    expect(reader.metadata.calls.filter((call) => call.includes('head'))).toEqual(Array(3).fill('get head strong'));
  });

  it('refuses partitions and topics that are not there', async () => {
    const process = await makeTopic({ partitions: 2 });
    await createTopic(process.broker, { name: 'other' });
    const refused = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(ask(process, { at: 'latest' }, 2)).rejects.toMatchObject(refused);
    await expect(
      listOffsets(process.broker, { topic: 'nope', partition: 0, at: { at: 'latest' } }),
    ).rejects.toMatchObject(refused);
  });
});
