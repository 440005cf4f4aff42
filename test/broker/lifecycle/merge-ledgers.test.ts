import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { mergeLedgers } from '../../../lib/broker/lifecycle/merge-ledgers.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { Spool } from '../../../lib/storage/objects/spool.ts';
import { batchOf, headOf, makeBroker, makeStores, type Process, throttled } from '../../support/broker.ts';
import { readBatchesOf, segmentsOf, writeSlowly } from '../../support/merging.ts';

const HOUR_MS = 60 * 60 * 1_000;

async function append({ broker }: Process, topic: string, partition = 0): Promise<void> {
  await produceBatches(broker, { topic, partition, batches: batchOf(`${topic} ${partition}`), acks: 'all' });
}

async function ledgerNamed({ broker }: Process, topic: string, partition = 0): Promise<LedgerId> {
  return ledgerOf(await broker.topics.get(topic), partition).ledger;
}

/** Topics with so many partitions, each a ledger of its own, with one record in each that is an hour old. */
async function world(topics: Record<string, number>) {
  const stores = makeStores();
  const process = makeBroker({ stores });
  for (const [name, partitions] of Object.entries(topics)) {
    await createTopic(process.broker, { name, partitions, config: { 'ledger.partitions': 1 } });
    for (let partition = 0; partition < partitions; partition++) await append(process, name, partition);
  }
  await process.clock.advance(HOUR_MS);
  process.metadata.forget();
  return { ...process, stores };
}

describe('merging of all topics', () => {
  it('merges what is old, of topics that nobody writes to any more as well', async () => {
    const process = await world({ a: 3, b: 1 });
    const report = await mergeLedgers(process.broker);
    expect(report).toMatchObject({ ledgers: 4, pages: 4, segments: 4, waitingPages: 0, waitingMs: 0, failed: 0 });
    expect(report.bytes).toBe(4 * batchOf('a 0').length);
    expect(await readBatchesOf(process.stores, 2, { topic: 'a' })).toHaveLength(1);
    expect(await segmentsOf(process.stores, await ledgerNamed(process, 'b'), 0)).toHaveLength(1);
  });

  it('costs one read a ledger where nothing is due', async () => {
    const process = await world({ a: 3 });
    await mergeLedgers(process.broker);
    process.metadata.forget();
    process.objects.forget();
    expect(await mergeLedgers(process.broker)).toMatchObject({ ledgers: 3, pages: 0 });
    const ledgers = process.metadata.calls.filter((call) => !call.includes('config') && !call.includes('progress'));
    expect(ledgers).toEqual(Array<string>(3).fill('get head strong'));
    expect(process.objects.calls).toEqual([]);
  });

  it('says what waits, and for how long', async () => {
    const process = makeBroker();
    await createTopic(process.broker, { name: 't' });
    await append(process, 't');
    await process.broker.sealer.seal(await ledgerNamed(process, 't'));
    await process.clock.advance(60_000);
    expect(await mergeLedgers(process.broker)).toMatchObject({
      pages: 0,
      waitingPages: 1,
      waitingBytes: batchOf('t 0').length,
      waitingMs: 60_000,
    });
  });

  it('merges small segments as they come to be enough', async () => {
    const process = await world({ t: 1 });
    const ledger = await ledgerNamed(process, 't');
    for (let hour = 1; hour < mergingLimits.segmentMergeFanIn; hour++) {
      await mergeLedgers(process.broker);
      await append(process, 't');
      await process.clock.advance(HOUR_MS);
    }
    expect(await segmentsOf(process.stores, ledger, 0)).toHaveLength(mergingLimits.segmentMergeFanIn - 1);
    const report = await mergeLedgers(process.broker);
    expect(report).toMatchObject({ segments: 1, remerged: mergingLimits.segmentMergeFanIn });
    expect(await segmentsOf(process.stores, ledger, 0)).toMatchObject([{ base: 0, end: 8, level: 1 }]);
  });

  it('goes on with the ledger that had no turn when the last round was told to stop', async () => {
    const process = await world({ a: 5 });
    const stop = new AbortController();
    process.objects.onPut = async (proceed, name) => {
      await proceed();
      if (name.startsWith('merged/')) stop.abort();
    };
    const first = await mergeLedgers(process.broker, { signal: stop.signal });
    expect(first.pages).toBe(1);
    process.objects.onPut = undefined;
    expect(await mergeLedgers(process.broker)).toMatchObject({ ledgers: 4, pages: 4 });
    expect(await mergeLedgers(process.broker)).toMatchObject({ ledgers: 5, pages: 0 });
  });

  it('gives others their turn before a slow ledger has outlasted its lease', async () => {
    const process = await world({ a: 1, b: 1 });
    const ledgers = [await ledgerNamed(process, 'a'), await ledgerNamed(process, 'b')];
    for (const [index, name] of ['a', 'b'].entries()) {
      for (let page = 0; page < 2; page++) {
        const batches = batchOf('x'.repeat(mergingLimits.segmentGatherBytes));
        await produceBatches(process.broker, { topic: name, partition: 0, batches, acks: 'all' });
        await process.broker.sealer.seal(ledgers[index] as LedgerId);
      }
    }
    await process.clock.advance(HOUR_MS);
    writeSlowly(process, mergingLimits.mergeStepMsMax);
    const merged: string[] = [];
    process.metadata.onWrite = async (proceed, writes) => {
      const [{ topicId }] = ledgers as [LedgerId];
      if (writes.length > 1) merged.push(writes[0]?.key.pk.includes(topicId) ? 'a' : 'b');
      return proceed();
    };
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 4, waitingPages: 0 });
    expect(merged).toEqual(['a', 'b', 'a', 'b']);
  });

  /** Objects that four ledgers have parts of, each large enough to be worth reading for all. */
  async function sharedWorld(objects: number, diskBytes: number) {
    const spool = new Spool({ directory: tmpdir(), bytesMax: diskBytes });
    const stores = makeStores();
    const process = makeBroker({ stores, spool });
    await createTopic(process.broker, { name: 't', partitions: 4, config: { 'ledger.partitions': 1 } });
    const written = new Map<number, Buffer[]>();
    for (let n = 0; n < objects; n++) {
      const values = [0, 1, 2, 3].map((partition) =>
        `${n} ${partition}`.padEnd(mergingLimits.mergeSharedBytesMin, '.'),
      );
      const records = values.map((value, partition) => ({ partition, key: null, value: utf8(value), headers: [] }));
      await produceRecords(process.broker, { topic: 't', records, acks: 'all' });
      for (const partition of [0, 1, 2, 3]) {
        await process.broker.sealer.seal(await ledgerNamed(process, 't', partition));
        written.set(partition, [...(written.get(partition) ?? []), Buffer.from(values[partition] as string)]);
      }
    }
    await process.clock.advance(HOUR_MS);
    process.objects.forget();
    return { ...process, stores, spool, written };
  }

  const reads = ({ objects }: Process) => objects.calls.filter((call) => call.startsWith('getRange segments/')).length;

  it('reads what several ledgers share once for all of them, where it has a disk', async () => {
    const process = await sharedWorld(3, 100_000_000);
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 12, segments: 4, failed: 0 });
    expect(reads(process)).toBe(3);
    for (const [partition, values] of process.written) {
      const batches = await readBatchesOf(process.stores, partition);
      expect(batches.map((batch, n) => batch.includes(values[n] as Buffer))).toEqual([true, true, true]);
    }
    expect(process.spool.reserve(process.spool.bytesMax)).toBe(true);
  });

  it('lets the ledgers that share objects take turns, so that they go over the same ones', async () => {
    const objectBytes = 4 * mergingLimits.mergeSharedBytesMin;
    const kept = mergingLimits.mergeReadsInFlightMax;
    const diskBytes = (kept * objectBytes * 100) / storageLimits.keptObjectsPercent;
    const process = await sharedWorld(2 * kept, diskBytes);
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 8 * kept, waitingPages: 0, failed: 0 });
    expect(reads(process)).toBeLessThan(3 * kept);
    for (const partition of process.written.keys()) {
      expect(await readBatchesOf(process.stores, partition)).toHaveLength(2 * kept);
    }
  });

  it('passes by a ledger that storage fails for', async () => {
    const process = await world({ a: 1, b: 1, c: 1 });
    const failing = await ledgerNamed(process, 'b');
    process.metadata.onWrite = (proceed, writes) =>
      writes.some(({ key }) => key.pk.includes(failing.topicId)) ? Promise.reject(throttled()) : proceed();
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 2 });
    process.metadata.onWrite = undefined;
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 1 });
  });
});

describe('the lease of a ledger', () => {
  /** Merged once, so that it has an item for a lease, and due again. */
  async function dueAgain() {
    const process = await world({ t: 1 });
    await mergeLedgers(process.broker);
    await append(process, 't');
    await process.clock.advance(HOUR_MS);
    const ledger = await ledgerNamed(process, 't');
    const lease = async () => decodeLifecycle(await process.stores.metadata.get(lifecycleKey(ledger), 'strong')).lease;
    return { ...process, ledger, lease };
  }

  it('leaves the ledger to who holds it, until it is over', async () => {
    const process = await dueAgain();
    const untilMs = process.clock.now() + mergingLimits.lifecycleLeaseMs;
    await process.stores.metadata.write([
      { kind: 'update', key: lifecycleKey(process.ledger), changes: { set: { h: 'other', u: untilMs } } },
    ]);
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 0, failed: 0 });
    await process.clock.advance(mergingLimits.lifecycleLeaseMs);
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 1 });
  });

  it('is given back when the work is done, and when it fails', async () => {
    const process = await dueAgain();
    process.objects.onPut = () => Promise.reject(throttled());
    expect(await mergeLedgers(process.broker)).toMatchObject({ failed: 1, pages: 0 });
    expect(await process.lease()).toMatchObject({ untilMs: 0 });
    process.objects.onPut = undefined;
    expect(await mergeLedgers(process.broker)).toMatchObject({ pages: 1 });
    expect((await headOf(process.stores.metadata, process.ledger)).merged).toBe(2);
    expect(await process.lease()).toMatchObject({ untilMs: 0 });
  });

  it('keeps two from merging the same at the same time', async () => {
    const process = await dueAgain();
    const other = makeBroker({ stores: process.stores });
    const reports = await Promise.all([mergeLedgers(process.broker), mergeLedgers(other.broker)]);
    expect(reports.map(({ pages }) => pages).toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(reports.every(({ failed }) => failed === 0)).toBe(true);
  });
});
