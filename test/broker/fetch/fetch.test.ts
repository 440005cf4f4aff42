import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import {
  type FetchPosition,
  type FetchRecordsRequest,
  type FetchRecordsResult,
  fetchBatches,
  fetchRecords,
} from '../../../lib/broker/fetch/fetch.ts';
import { deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { cacheLimits } from '../../../lib/kernel/limits/caches.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { waitingLimits } from '../../../lib/kernel/limits/waiting.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { batchOf, makeBroker, makeStores, makeTopic, type Process, record } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { type Action, actions, buildPartition } from '../../support/random-partition.ts';

const DEFAULTS = {
  topic: 't',
  partition: 0,
  maxBytes: requestLimits.fetchBytesDefault,
  maxRecords: requestLimits.fetchRecordsDefault,
  minBytes: 1,
  waitMs: 0,
};

function fetch({ broker }: Process, position: FetchPosition | number, request: Partial<FetchRecordsRequest> = {}) {
  const at = typeof position === 'number' ? { at: 'offset' as const, offset: position } : position;
  return fetchRecords(broker, { ...DEFAULTS, position: at, ...request });
}

function produce({ broker }: Process, ...values: string[]) {
  return produceBatches(broker, { topic: 't', partition: 0, batches: batchOf(...values), acks: 'all' });
}

const offsetsOf = ({ records }: FetchRecordsResult) => records.map(({ offset }) => offset);

const append = (...timestamps: number[]): Action => ({
  action: 'append',
  joined: true,
  batches: [{ timestamps, valueBytes: 10, compressionType: 'none' }],
});

describe('a position', () => {
  it('stands for the offset that a search through all records would find', async () => {
    const position: fc.Arbitrary<FetchPosition> = fc.oneof(
      fc.constant({ at: 'earliest' as const }),
      fc.constant({ at: 'latest' as const }),
      fc.record({ at: fc.constant('before-end' as const), records: fc.nat({ max: 60 }) }),
      fc.record({ at: fc.constant('timestamp' as const), timestampMs: fc.nat({ max: 70 }) }),
      fc.record({ at: fc.constant('offset' as const), offset: fc.nat({ max: 30 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        actions,
        fc.array(position, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        async (list, positions, seed) => {
          const { stores, process, ledger, batches, end } = await buildPartition(list);
          const start = seed % (end + 1);
          const raise = { set: { s0: start }, add: { v: 1 } };
          await stores.metadata.write([{ kind: 'update', key: headKey(ledger), changes: raise }]);
          await process.broker.heads.strong(ledger);
          const all = batches.flatMap(({ baseOffset, timestamps }) =>
            timestamps.map((timestamp, index) => ({ offset: baseOffset + index, timestamp })),
          );
          const meaning = (at: FetchPosition): number => {
            if (at.at === 'offset') return at.offset;
            if (at.at === 'earliest') return start;
            if (at.at === 'before-end') return Math.max(start, end - at.records);
            const since = at.at === 'timestamp' ? at.timestampMs : Number.POSITIVE_INFINITY;
            return all.find(({ offset, timestamp }) => offset >= start && timestamp >= since)?.offset ?? end;
          };
          for (const reader of [process, makeBroker({ stores })]) {
            for (const at of positions) {
              const offset = meaning(at);
              const outcome = await fetch(reader, at).catch((error: unknown) => error);
              const expected =
                offset < start || offset > end
                  ? { code: 'OFFSET_OUT_OF_RANGE', facts: { logStartOffset: start, highWatermark: end } }
                  : { offset, nextOffset: end, logStartOffset: start, highWatermark: end };
              expect(outcome).toMatchObject(expected);
              const records = (outcome as FetchRecordsResult).records ?? [];
              expect(records.map((one) => [one.offset, one.timestamp])).toEqual(
                'code' in expected ? [] : all.slice(offset).map((one) => [one.offset, one.timestamp]),
              );
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('an answer', () => {
  it('is cut anywhere, and goes on exactly there', async () => {
    const bounds = fc.record({
      maxRecords: fc.integer({ min: 1, max: 7 }),
      maxBytes: fc.integer({ min: 1, max: 900 }),
    });
    await fc.assert(
      fc.asyncProperty(actions, bounds, async (list, request) => {
        const { process, end } = await buildPartition(list);
        const offsets: number[] = [];
        for (let offset = 0; offset < end; ) {
          const answer = await fetch(process, offset, request);
          expect(answer.records.length).toBeGreaterThan(0);
          expect(answer.records.length).toBeLessThanOrEqual(request.maxRecords);
          offsets.push(...offsetsOf(answer));
          offset = answer.nextOffset;
        }
        expect(offsets).toEqual(Array.from({ length: end }, (_, i) => i));
      }),
      { numRuns: 40 },
    );
  });

  it('of batches begins with the one that holds the offset, though it begins before it', async () => {
    const { process } = await buildPartition([append(1, 2, 3), append(4)]);
    const { batches, offset, nextOffset } = await fetchBatches(process.broker, {
      ...DEFAULTS,
      position: { at: 'offset', offset: 2 },
    });
    const bases = batches.flatMap((chunk) => [...batchHeaders(chunk)].map(({ baseOffset }) => baseOffset));
    expect({ bases, offset, nextOffset }).toEqual({ bases: [0, 3], offset: 2, nextOffset: 4 });
  });

  it('is of a batch at least, however few bytes are asked for', async () => {
    const process = await makeTopic();
    await produce(process, 'x'.repeat(100_000));
    expect(offsetsOf(await fetch(process, 0, { maxBytes: 1 }))).toEqual([0]);
  });

  it('does not inflate to far more than was asked for', async () => {
    const process = await makeTopic();
    const megabyte = [record('0'.repeat(1_000_000))];
    for (let i = 0; i < 10; i++) {
      const batches = encodeBatch(megabyte, { compressionType: 'zstd', compression: nodeCompression });
      await produceBatches(process.broker, { topic: 't', partition: 0, batches, acks: 'all' });
    }
    const answer = await fetch(process, 0, { maxBytes: 2_500_000 });
    expect(answer).toMatchObject({ nextOffset: 2, highWatermark: 10 });
    expect(offsetsOf(answer)).toEqual([0, 1]);
    expect(offsetsOf(await fetch(process, 5, { maxBytes: 10 }))).toEqual([5]);
  });

  it('is empty at the end, and only there', async () => {
    const { process } = await buildPartition([append(1, 2)]);
    expect(await fetch(process, 2)).toEqual({
      records: [],
      offset: 2,
      nextOffset: 2,
      highWatermark: 2,
      logStartOffset: 0,
    });
    await expect(fetch(process, 3)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', retriable: false });
  });

  it('is served inline objects like others', async () => {
    const { process, end } = await buildPartition([append(1, 2), append(3), { action: 'seal' }, append(4)], 100_000);
    expect(offsetsOf(await fetch(process, 0))).toHaveLength(end);
    expect(process.objects.calls.every((call) => call.includes(' inline/'))).toBe(true);
  });
});

describe('a stale head', () => {
  it('answers what it knows, without a read, and never that something is not there', async () => {
    const stores = makeStores();
    const writer = await makeTopic({ stores });
    const reader = makeBroker({ stores });
    await produce(writer, 'a');
    await fetch(reader, 0);
    await produce(writer, 'b');
    await produce(writer, 'c');
    reader.metadata.forget();
    expect(await fetch(reader, 0)).toMatchObject({ nextOffset: 1, highWatermark: 1 }); // true, if old
    expect(reader.metadata.calls).toEqual([]);
    expect(await fetch(reader, 1)).toMatchObject({ nextOffset: 3, highWatermark: 3 });
    expect(reader.metadata.calls).toEqual(['get head strong']);
    await produce(writer, 'd');
    await produce(writer, 'e');
    // Beyond what the reader knows, and in the log.
    expect(await fetch(reader, 4)).toMatchObject({ nextOffset: 5 });
    expect(await fetch(reader, { at: 'latest' })).toMatchObject({ offset: 5, nextOffset: 5 });
    await produce(writer, 'f');
    await expect(fetch(reader, 7)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      facts: { logStartOffset: 0, highWatermark: 6 },
    });
  });

  it('serves from memory what others have deleted for ten minutes at most', async () => {
    const stores = makeStores();
    const writer = await makeTopic({ stores });
    const reader = makeBroker({ stores });
    await produce(writer, 'a');
    await produce(writer, 'b');
    await fetch(reader, 0);
    await deleteRecords(writer.broker, {
      topic: 't',
      partitions: [{ partition: 0, before: { at: 'offset', offset: 1 } }],
    });
    await reader.clock.advance(cacheLimits.headAgeMsMax);
    expect(offsetsOf(await fetch(reader, 0))).toEqual([0, 1]);
    await reader.clock.advance(1);
    reader.metadata.forget();
    reader.objects.forget();
    await expect(fetch(reader, 0)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', facts: { logStartOffset: 1 } });
    expect(reader.metadata.calls).toContain('get head strong');
    reader.metadata.forget();
    expect(offsetsOf(await fetch(reader, 1))).toEqual([1]);
    expect([...reader.metadata.calls, ...reader.objects.calls]).toEqual([]);
  });

  it('whose tail was sealed meanwhile still finds its records', async () => {
    const { stores, process, ledger } = await buildPartition([append(1), append(2)]);
    const reader = makeBroker({ stores });
    await fetch(reader, 0, { maxBytes: 1 });
    await process.broker.sealer.seal(ledger);
    expect(offsetsOf(await fetch(reader, 0))).toEqual([0, 1]);
  });
});

describe('a fetch that waits', () => {
  /** Starts it and says whether it is over. */
  function begin(process: Process, offset: number, request: Partial<FetchRecordsRequest>) {
    const state: { answer?: FetchRecordsResult; error?: unknown } = {};
    fetch(process, offset, request).then(
      (answer) => {
        state.answer = answer;
      },
      (error: unknown) => {
        state.error = error;
      },
    );
    return state;
  }

  it('is answered at once by an append of the same process, and leaves no timer', async () => {
    const process = await makeTopic();
    const waiting = begin(process, 0, { waitMs: 10_000 });
    await idle();
    expect(waiting).toEqual({});
    await produce(process, 'a');
    await idle();
    expect(waiting.answer).toMatchObject({ nextOffset: 1 });
    expect(process.clock.sleeping).toBe(0);
  });

  it('is answered soon by the append of another', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    const waiting = begin(process, 0, { waitMs: 10_000 });
    await idle();
    await produce(makeBroker({ stores }), 'a');
    await process.clock.advance(waitingLimits.headPollMsMin);
    expect(waiting.answer).toMatchObject({ nextOffset: 1 });
  });

  it('is answered at the end of its time with what is there', async () => {
    const process = await makeTopic();
    await produce(process, 'a');
    const waiting = begin(process, 0, { waitMs: 1_000, minBytes: 500 });
    const nothing = begin(process, 1, { waitMs: 1_000 });
    await process.clock.advance(999);
    expect([waiting, nothing]).toEqual([{}, {}]);
    await process.clock.advance(1);
    expect(waiting.answer).toMatchObject({ nextOffset: 1, records: [{ offset: 0 }] });
    expect(nothing.answer).toMatchObject({ nextOffset: 1, records: [] });
    expect(process.clock.sleeping).toBe(0);
  });

  it('waits for as many bytes as it wants', async () => {
    const process = await makeTopic();
    const waiting = begin(process, 0, { waitMs: 10_000, minBytes: 500 });
    await produce(process, 'x'.repeat(200));
    await idle();
    expect(waiting).toEqual({});
    await produce(process, 'x'.repeat(200));
    await idle();
    expect(waiting.answer).toMatchObject({ nextOffset: 2 });
    // And not where they are there already.
    expect(await fetch(process, 0, { waitMs: 10_000, minBytes: 500 })).toMatchObject({ nextOffset: 2 });
  });

  it('ends when it is aborted', async () => {
    const process = await makeTopic();
    const stop = new AbortController();
    const waiting = begin(process, 0, { waitMs: 10_000, signal: stop.signal });
    await idle();
    stop.abort();
    await idle();
    expect(waiting.answer).toMatchObject({ records: [], nextOffset: 0 });
    expect(process.clock.sleeping).toBe(0);
  });

  it('does not wait for an offset that is out of range', async () => {
    const process = await makeTopic();
    await expect(fetch(process, 5, { waitMs: 10_000 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect(process.clock.sleeping).toBe(0);
  });

  it('ends when the topic is deleted', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    const waiting = begin(process, 0, { waitMs: 10_000 });
    await idle();
    await deleteTopic(makeBroker({ stores }).broker, 't');
    await process.clock.advance(waitingLimits.headPollMsMin);
    expect(waiting.error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
});

describe('the cost', () => {
  it('of a fetch at the end is one read, and of one that memory can answer none', async () => {
    const process = await makeTopic();
    await produce(process, 'a', 'b');
    process.metadata.forget();
    process.objects.forget();
    await fetch(process, 2);
    expect(process.metadata.calls).toEqual(['get head strong']);
    await fetch(process, 0);
    await fetch(process, 1);
    expect(process.metadata.calls).toHaveLength(1);
    expect(process.objects.calls).toEqual([]);
  });
});

describe('what is not there', () => {
  it('is said of topics and partitions', async () => {
    const process = await makeTopic();
    const refused = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(fetch(process, 0, { topic: 'u' })).rejects.toMatchObject(refused);
    await expect(fetch(process, 0, { partition: 1 })).rejects.toMatchObject(refused);
  });

  it('is a topic of the same name that was deleted', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    await produce(process, 'old');
    const reader = makeBroker({ stores });
    const other = makeBroker({ stores }).broker;
    await fetch(reader, { at: 'latest' });
    await deleteTopic(other, 't');
    await createTopic(other, { name: 't' });
    await expect(fetch(reader, 1)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true });
    expect(await fetch(reader, 0)).toMatchObject({ records: [], highWatermark: 0 });
  });
});
