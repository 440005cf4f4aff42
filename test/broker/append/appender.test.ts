import { describe, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { newTopicId } from '../../../lib/kernel/ids.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { append, holdPuts, watch } from '../../support/appending.ts';
import { batchOf, headOf, makeTopic, objectNames, runsOf, settled } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';

/** More than what starts an upload beside one under way. */
const LARGE = 'x'.repeat(produceLimits.flushBytesOverlap);

describe('group commit', () => {
  it('stores and sequences a lone append at once, with one put and one write', async () => {
    const process = await makeTopic();
    expect(await append(process, process)).toBe(0);
    expect(process.objects.calls).toHaveLength(1);
    expect(process.metadata.calls).toEqual(['get head strong', 'write head']);
    process.metadata.forget();
    expect(await append(process, process)).toBe(1);
    expect(process.metadata.calls).toEqual(['write head']); // no read first
    expect(process.clock.sleeping).toBe(0);
  });

  it('takes what is appended in one turn of the event loop, such as all of a request, as one flush', async () => {
    const process = await makeTopic({ partitions: 16 });
    const appends = Array.from({ length: 32 }, (_, i) => append(process, { ...process, slot: i % 16 }));
    expect(await Promise.all(appends)).toEqual(Array.from({ length: 32 }, (_, i) => Math.floor(i / 16)));
    expect(process.objects.count('put')).toBe(1);
    expect(process.metadata.count('write')).toBe(1);
  });

  it('lets what arrives during an upload join the next flush', async () => {
    const process = await makeTopic({ partitions: 3 });
    const { held, release } = holdPuts(process);
    const first = append(process, process);
    await idle();
    const others = [0, 1, 0, 2, 1].map((slot) => append(process, { ...process, slot }));
    await idle();
    expect(held).toHaveLength(1);
    await release(0);
    expect(await first).toBe(0);
    await release(1);
    expect(await Promise.all(others)).toEqual([1, 0, 2, 0, 1]);
    expect(held).toHaveLength(2);
    expect((await headOf(process.metadata, process.ledger)).tail).toHaveLength(2);
  });

  it('puts one object for all topics and ledgers of a flush, and sequences each ledger once', async () => {
    const process = await makeTopic({ partitions: 6, config: { 'ledger.partitions': 2 } });
    await createTopic(process.broker, { name: 'other' });
    const other = ledgerOf(await process.broker.topics.get('other'), 0).ledger;
    const { release } = holdPuts(process);
    const first = append(process, { ledger: other });
    await idle();
    const ledgers = [0, 1, 2].map((index) => ({ topicId: process.ledger.topicId, index }));
    const appends = [...ledgers, other, ...ledgers].map((ledger) =>
      append(process, { ledger, slot: ledger.index % 2 }),
    );
    await release(0);
    await first;
    process.metadata.forget();
    await release(1);
    expect(await Promise.all(appends)).toEqual([0, 0, 0, 1, 1, 1, 1]);
    expect(process.objects.count('put')).toBe(2);
    expect(process.metadata.count('write')).toBe(4);
    const heads = await Promise.all([...ledgers, other].map((ledger) => headOf(process.metadata, ledger)));
    const newest = heads.map(({ tail }) => tail.at(-1));
    expect(new Set(newest.map((commit) => commit?.object.birthMs)).size).toBe(1);
    expect(newest.map((commit) => commit?.part)).toEqual([0, 1, 2, 3]);
    const [alone] = await Promise.all([other].map((ledger) => headOf(process.metadata, ledger)));
    expect(alone?.tail.map((commit) => commit.alone)).toEqual([true, undefined]);
  });

  it('closes a flush at its size, and uploads at most so many at a time', async () => {
    const process = await makeTopic();
    const { held, release, most } = holdPuts(process);
    const values = ['x'.repeat(3 * 1_024 * 1_024)];
    const appends = [append(process, { ...process, values })];
    await idle();
    appends.push(...Array.from({ length: 10 }, () => append(process, { ...process, values })));
    await idle();
    // Of those that wait together two fit into one flush.
    expect(held).toHaveLength(produceLimits.uploadsInFlightMax);
    for (const index of [3, 2, 1, 0, 5, 4]) await release(index);
    expect(most()).toBe(produceLimits.uploadsInFlightMax);
    expect(await Promise.all(appends)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const { tail } = await headOf(process.metadata, process.ledger);
    expect(tail.map(({ runs }) => runs[0]?.records)).toEqual([1, 2, 2, 2, 2, 2]);
  });

  it('does not start a second upload for little', async () => {
    const process = await makeTopic();
    const { held } = holdPuts(process);
    for (let i = 0; i < 5; i++) void append(process, process);
    await idle();
    expect(held).toHaveLength(1);
  });
});

describe('order', () => {
  it("sequences a ledger's flushes as they were composed, though their uploads end the other way round", async () => {
    const process = await makeTopic();
    await append(process, process);
    const { held, release } = holdPuts(process);
    const first = watch(append(process, { ...process, values: ['a'] }));
    await idle();
    const second = watch(append(process, { ...process, values: [LARGE] }));
    await idle();
    const third = watch(append(process, { ...process, values: ['c'] }));
    await idle();
    expect(held).toHaveLength(2);
    await release(1);
    expect([first.outcome, second.outcome, third.outcome]).toEqual(['pending', 'pending', 'pending']);
    expect((await headOf(process.metadata, process.ledger)).tail).toHaveLength(1);
    await release(0);
    await release(2);
    expect([first.outcome, second.outcome, third.outcome]).toEqual([1, 2, 3]);
  });

  it('lets other ledgers pass', async () => {
    const process = await makeTopic({ partitions: 2, config: { 'ledger.partitions': 1 } });
    const { release } = holdPuts(process);
    const slow = watch(append(process, process));
    await idle();
    const quick = watch(append(process, { ledger: { ...process.ledger, index: 1 }, values: [LARGE] }));
    await idle();
    await release(1);
    expect([slow.outcome, quick.outcome]).toEqual(['pending', 0]);
    await release(0);
    expect(slow.outcome).toBe(0);
  });

  it('goes on with a ledger after a flush that failed to upload', async () => {
    const process = await makeTopic();
    await append(process, process);
    let puts = 0;
    process.objects.onPut = async (proceed) => {
      if (puts++ === 0) throw new MillraceError('POLICY_VIOLATION', 'no');
      await proceed();
    };
    const failing = watch(append(process, process));
    await idle();
    const following = append(process, process);
    expect(await following).toBe(1);
    expect(failing.outcome).toMatchObject({ code: 'POLICY_VIOLATION', effect: 'none' });
  });
});

describe('expected offsets', () => {
  it('refuse their own append alone; the rest of the flush is sequenced', async () => {
    const process = await makeTopic({ partitions: 2 });
    const { release } = holdPuts(process);
    const first = append(process, process);
    await idle();
    const wrong = watch(append(process, { ...process, expectedOffset: 0 }));
    const others = [append(process, process), append(process, { ...process, slot: 1 }), append(process, process)];
    await release(0);
    await release(1);
    expect([await first, ...(await Promise.all(others))]).toEqual([0, 1, 0, 2]);
    expect(wrong.outcome).toMatchObject({ code: 'OFFSET_MISMATCH', effect: 'none', facts: { nextOffset: 1 } });
    expect(process.objects.count('put')).toBe(2);
  });

  it('see what was appended before them in the same flush, and are before what comes after', async () => {
    const process = await makeTopic();
    const { release } = holdPuts(process);
    const first = append(process, process);
    await idle();
    const appends = [
      append(process, { ...process, values: ['a', 'b'] }),
      append(process, { ...process, expectedOffset: 3 }),
      append(process, { ...process, expectedOffset: 4 }),
      append(process, process),
    ];
    await release(0);
    await release(1);
    expect([await first, ...(await Promise.all(appends))]).toEqual([0, 1, 3, 4, 5]);
    const runs = await runsOf(process.metadata, process.ledger, 0);
    expect(runs.map(({ baseOffset, endOffset }) => [baseOffset, endOffset])).toEqual([
      [0, 1],
      [1, 3],
      [3, 4],
      [4, 5],
      [5, 6],
    ]);
  });
});

describe('backpressure', () => {
  it('refuses what does not fit the requests that may wait, and takes more when there is room', async () => {
    const process = await makeTopic();
    await append(process, process);
    const { release } = holdPuts(process);
    const run = runOf([batchOf('v')]);
    const deadlineMs = process.clock.monotonic() + produceLimits.produceDeadlineMs;
    const request = { ledger: process.ledger, slot: 0, run, deadlineMs };
    const waiting = Array.from({ length: produceLimits.pendingRequestsMax }, () =>
      process.broker.appender.append(request),
    );
    await idle();
    expect(() => process.broker.appender.append(request)).toThrow(
      expect.objectContaining({ code: 'THROTTLING_QUOTA_EXCEEDED', effect: 'none', facts: { retryAfterMs: 1_000 } }),
    );
    await release(0);
    await Promise.all(waiting);
    const more = process.broker.appender.append(request);
    await idle();
    await release(1);
    await more;
    expect((await headOf(process.metadata, process.ledger)).next[0]).toBe(produceLimits.pendingRequestsMax + 2);
  });

  it('counts what is stored and not yet sequenced too, so that a stuck ledger fills no memory', async () => {
    const process = await makeTopic();
    await append(process, process);
    process.metadata.onWrite = () => new Promise(() => {}); // DynamoDB does not answer
    const bytes = 4 * 1_024 * 1_024;
    const chunk = new Uint8Array(bytes);
    const run = { chunks: [chunk], bytes, records: 1, maxTimestamp: 0, crc32c: 0 };
    const request = { ledger: process.ledger, slot: 0, run, deadlineMs: process.clock.monotonic() + 25_000 };
    let accepted = 0;
    const fill = async () => {
      for (; accepted <= produceLimits.pendingBytesMax / bytes; accepted++) {
        process.broker.appender.append(request).catch(() => undefined);
        await idle(); // all of it is uploaded
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    expect(accepted).toBe(produceLimits.pendingBytesMax / bytes);
  });
});

describe('uploads', () => {
  it('are tried again after a pause where that may help', async () => {
    const process = await makeTopic();
    let puts = 0;
    process.objects.onPut = async (proceed) => {
      puts++;
      // The first is stored, and its answer lost.
      if (puts === 1) await proceed();
      if (puts < produceLimits.uploadAttemptsMax)
        throw new MillraceError('KAFKA_STORAGE_ERROR', 'no answer', { effect: 'unknown' });
      await proceed();
    };
    const appended = append(process, process);
    await process.clock.until(appended);
    expect(await appended).toBe(0);
    expect(new Set(process.objects.calls).size).toBe(1); // the same name and bytes each time
    expect(await objectNames(process)).toHaveLength(1);
  });

  it('end after so many attempts with a fault that promises no effect, and nothing is sequenced', async () => {
    const process = await makeTopic();
    process.objects.onPut = () => {
      throw new MillraceError('KAFKA_STORAGE_ERROR', 'no answer', { effect: 'unknown' });
    };
    const appended = watch(append(process, process));
    await process.clock.until(settled(process.broker));
    expect(appended.outcome).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none', retriable: true });
    expect(process.objects.count('put')).toBe(produceLimits.uploadAttemptsMax);
    expect(process.metadata.count('write')).toBe(0);
  });

  it('are not tried again for callers who have stopped waiting', async () => {
    const process = await makeTopic();
    process.objects.onPut = async () => {
      await process.clock.sleep(15_000); // the store's own time limit
      throw new MillraceError('KAFKA_STORAGE_ERROR', 'no answer', { effect: 'unknown' });
    };
    const appended = watch(append(process, process));
    await process.clock.advance(produceLimits.produceDeadlineMs + 15_000);
    expect(appended.outcome).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
    expect(process.objects.count('put')).toBe(2);
  });

  it('name objects by their birth, above every swept mark that is known', async () => {
    const process = await makeTopic();
    const future = process.clock.now() + 60_000;
    await process.metadata.write([{ kind: 'update', key: headKey(process.ledger), changes: { set: { w: future } } }]);
    await append(process, process);
    const { tail } = await headOf(process.metadata, process.ledger);
    expect(tail[0]?.object.birthMs).toBe(future + 1);
  });
});

describe('a ledger that fails', () => {
  it('and is gone fails its own appends only', async () => {
    const process = await makeTopic();
    const gone = { topicId: newTopicId(seededRandom(99)), index: 0 };
    const { release } = holdPuts(process);
    const first = append(process, process);
    await idle();
    const [lost, kept] = [watch(append(process, { ledger: gone })), append(process, process)];
    await release(0);
    await release(1);
    expect([await first, await kept]).toEqual([0, 1]);
    expect(lost.outcome).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' });
  });

  it('to be read fails its own appends only', async () => {
    const process = await makeTopic({ partitions: 2, config: { 'ledger.partitions': 1 } });
    const unreadable = { ...process.ledger, index: 1 };
    const { release } = holdPuts(process);
    const first = append(process, process);
    await idle();
    process.metadata.onGet = (proceed, key) => {
      if (key.pk !== headKey(unreadable).pk) return proceed();
      return Promise.reject(new MillraceError('KAFKA_STORAGE_ERROR', 'no answer'));
    };
    const [failed, kept] = [watch(append(process, { ledger: unreadable })), append(process, process)];
    await release(0);
    await release(1);
    expect([await first, await kept]).toEqual([0, 1]);
    expect(failed.outcome).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
  });
});

describe('settled', () => {
  it('waits for everything that was accepted, also in this very turn', async () => {
    const process = await makeTopic();
    const { release } = holdPuts(process);
    const first = watch(append(process, process));
    const done = watch(settled(process.broker));
    await idle();
    const second = watch(append(process, process));
    await idle();
    expect(done.outcome).toBe('pending');
    await release(0);
    expect([first.outcome, done.outcome]).toEqual([0, 'pending']); // the second is uploading
    await release(1);
    expect([second.outcome, done.outcome]).toEqual([1, undefined]);
    await settled(process.broker); // at once where there is nothing
  });

  it('waits for a seal', async () => {
    const process = await makeTopic();
    const gate = Promise.withResolvers<void>();
    process.metadata.onWrite = async (proceed, [write]) => {
      if (write?.key.sk.startsWith('page#')) await gate.promise;
      return proceed();
    };
    for (let i = 0; i < ledgerLimits.tailEntriesSeal; i++) await append(process, process);
    const done = watch(settled(process.broker));
    await idle();
    expect(done.outcome).toBe('pending');
    gate.resolve();
    await idle();
    expect(done.outcome).toBeUndefined();
    expect(await headOf(process.metadata, process.ledger)).toMatchObject({ sealed: 1, tail: [] });
  });
});
