import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type ArchivingReport, archiveSegments } from '../../../lib/broker/lifecycle/archive-segments.ts';
import { clearCondemned } from '../../../lib/broker/lifecycle/clear-condemned.ts';
import { finishDeletions } from '../../../lib/broker/lifecycle/finish-deletions.ts';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { archiveLimits } from '../../../lib/kernel/limits/archive.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { type ArchiveRules, archiveRules } from '../../../lib/log/merged/archive-due.ts';
import type { SegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { parseTopicConfig } from '../../../lib/log/topic/config.ts';
import { makeBroker } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import {
  condemnedObjects,
  cutOff,
  mergedObjects,
  mergePageByPage,
  namesOf,
  pagesOf,
  readBatchesOf,
  segmentsOf,
} from '../../support/merging.ts';
import { actions, buildPartition, type RandomPartition } from '../../support/random-partition.ts';
import { closeScriptedS3, openScriptedS3 } from '../../support/scripted-s3.ts';

/** However small they are. */
const OLD: ArchiveRules = { storageClass: 'GLACIER_IR', afterMs: 0, bytesMin: 0 };

async function archive(
  { process, ledger }: Pick<RandomPartition, 'process' | 'ledger'>,
  rules = OLD,
  signal?: AbortSignal,
): Promise<ArchivingReport> {
  const topic = await process.broker.topics.get('t');
  return archiveSegments(process.broker, { topic, ledger, rules, ...(signal !== undefined && { signal }) });
}

/** A segment for each page, of partitions 0 and 1. */
async function segmented(pages = 4): Promise<RandomPartition> {
  const partition = await buildPartition(pagesOf(pages));
  await mergePageByPage(partition.process, partition.ledger);
  return partition;
}

const classesOf = async ({ stores, ledger }: RandomPartition, partition = 0) =>
  (await segmentsOf(stores, ledger, partition)).map(({ storageClass }) => storageClass);

const archived = ({ process }: RandomPartition) =>
  process.objects.calls.filter((call) => call.startsWith('archive ')).map((call) => call.split(' ')[1] as string);

afterEach(closeScriptedS3);

describe('archiving', () => {
  it('moves the segments that are old, notes it, and changes nothing that is read', async () => {
    await fc.assert(
      fc.asyncProperty(actions, fc.nat({ max: 60 }), async (list, afterMs) => {
        const partition = await buildPartition(list);
        const { stores, process, ledger } = partition;
        await mergePageByPage(process, ledger);
        const before = await readBatchesOf(stores, 0);
        const first = await segmentsOf(stores, ledger, 0);
        const nowMs = 60;
        process.broker.clock.now = () => nowMs;
        const moved = await archive(partition, { ...OLD, afterMs });
        const newest = ({ newestMs, object }: SegmentItem) => newestMs ?? object.birthMs;
        const old = first.findIndex((segment) => newest(segment) > nowMs - afterMs);
        const count = old === -1 ? first.length : old;
        const after = await segmentsOf(stores, ledger, 0);
        expect(namesOf(after)).toEqual(namesOf(first));
        expect(after.map(({ storageClass }) => storageClass)).toEqual(
          first.map((_, index) => (index < count ? 'GLACIER_IR' : undefined)),
        );
        expect(moved).toMatchObject({ missing: 0 });
        expect(await archive(partition, { ...OLD, afterMs })).toEqual({ segments: 0, bytes: 0, missing: 0 });
        expect(archived(partition)).toHaveLength(moved.segments);
        expect(await readBatchesOf(stores, 0)).toEqual(before);
        expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('leaves small segments where they are, and moves those of a topic whose class is another now', async () => {
    const partition = await segmented(2);
    const [first] = await segmentsOf(partition.stores, partition.ledger, 0);
    const rules = { ...OLD, bytesMin: (first as SegmentItem).bytes };
    expect(await archive(partition, rules)).toMatchObject({ segments: 2 });
    expect(await classesOf(partition, 1)).toEqual([undefined, undefined]);
    expect(await archive(partition, { ...rules, storageClass: 'STANDARD_IA' })).toMatchObject({ segments: 2 });
    expect(await classesOf(partition)).toEqual(['STANDARD_IA', 'STANDARD_IA']);
  });

  it('is as the topic says, and by default not done', async () => {
    const partition = await segmented(1);
    const { broker } = partition.process;
    const step = async () =>
      archiveSegments(broker, { topic: await broker.topics.getFresh('t'), ledger: partition.ledger });
    expect(await step()).toMatchObject({ segments: 0 });
    await alterTopic(broker, 't', { config: { 'archive.storage.class': 'STANDARD_IA', 'archive.after.ms': 5 } });
    const { config } = await broker.topics.getFresh('t');
    expect(archiveRules(config)).toEqual({
      storageClass: 'STANDARD_IA',
      afterMs: 5,
      bytesMin: archiveLimits.archiveBytesMin,
    });
    expect(archiveRules(parseTopicConfig({}).values)).toBeUndefined();
    // It is too small.
    expect(await step()).toMatchObject({ segments: 0 });
  });

  it('ends when it is told to, and goes on behind what it has done', async () => {
    const partition = await segmented(archiveLimits.archivesNotedTogether + 2);
    const stop = new AbortController();
    partition.process.metadata.onWrite = (proceed) => {
      stop.abort();
      return proceed();
    };
    expect(await archive(partition, OLD, stop.signal)).toMatchObject({ segments: archiveLimits.archivesNotedTogether });
    const rest = archiveLimits.archivesNotedTogether + 4;
    expect(await archive(partition)).toMatchObject({ segments: rest });
    expect(new Set(archived(partition)).size).toBe(rest + archiveLimits.archivesNotedTogether);
  });

  it('notes what others changed the ledger beside, and is first where it can be', async () => {
    const partition = await segmented(3);
    const other = makeBroker({ stores: partition.stores });
    let writes = 0;
    partition.process.metadata.onWrite = async (proceed) => {
      if (++writes === 1) await archive({ process: other, ledger: partition.ledger });
      return proceed();
    };
    expect(await archive(partition)).toMatchObject({ segments: 6 });
    expect(await classesOf(partition)).toEqual(['GLACIER_IR', 'GLACIER_IR', 'GLACIER_IR']);
  });

  it('survives being cut off anywhere', async () => {
    for (let step = 1; step < 20; step++) {
      for (const applied of [false, true]) {
        const partition = await segmented(2);
        const { stores, ledger } = partition;
        const dying = cutOff(makeBroker({ stores }), step, applied);
        const died = await archive({ process: dying, ledger }).catch((error: Error) => error.message);
        expect(['cut off', { segments: 4, bytes: expect.any(Number) as number, missing: 0 }]).toContainEqual(died);
        await archive(partition);
        expect(await classesOf(partition)).toEqual(['GLACIER_IR', 'GLACIER_IR']);
        expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
      }
    }
  });
});

describe('a segment that goes meanwhile', () => {
  /** Between the look at it and its copy. */
  function whenCopied({ process }: RandomPartition, then: () => Promise<unknown>): void {
    const proceed = process.objects.archive.bind(process.objects);
    let copies = 0;
    process.objects.archive = async (name, storageClass) => {
      const outcome = await proceed(name, storageClass);
      if (++copies === 1) await then();
      return outcome;
    };
  }

  it('is condemned once more, since its copy may have come after its deletion', async () => {
    const partition = await segmented(mergingLimits.segmentMergeFanIn);
    const { stores, ledger } = partition;
    const { broker, clock } = makeBroker({ stores });
    const [resurrected] = namesOf(await segmentsOf(stores, ledger, 0)) as [string];
    const bytes = (await stores.objects.getRange(resurrected)) as Uint8Array;
    whenCopied(partition, async () => {
      const topic = await broker.topics.get('t');
      await mergeSegments(broker, { topic, ledger, partition: 0, targetBytes: 1_000_000 });
      await clock.advance(2 * mergingLimits.lifecycleGraceMs);
      await clearCondemned(broker, ledger);
      await stores.objects.put(resurrected, [bytes]);
    });
    await archive(partition);
    const kept = [...(await segmentsOf(stores, ledger, 0)), ...(await segmentsOf(stores, ledger, 1))];
    expect(await condemnedObjects(stores, ledger)).toContain(resurrected);
    await clock.advance(2 * mergingLimits.lifecycleGraceMs);
    await clearCondemned(broker, ledger);
    expect(await mergedObjects(stores)).toEqual(namesOf(kept));
  });

  it('is deleted where its topic is', async () => {
    const partition = await segmented(2);
    const { stores, ledger } = partition;
    const { broker } = makeBroker({ stores });
    const segments = await segmentsOf(stores, ledger, 0);
    const [resurrected] = namesOf(segments) as [string];
    const bytes = (await stores.objects.getRange(resurrected)) as Uint8Array;
    whenCopied(partition, async () => {
      await deleteTopic(broker, 't');
      await broker.background.settled();
      await finishDeletions(broker);
      await stores.objects.put(resurrected, [bytes]);
    });
    await archive(partition);
    expect(await mergedObjects(stores)).toEqual([]);
  });

  it('is not copied where it was replaced before', async () => {
    const partition = await segmented(mergingLimits.segmentMergeFanIn);
    const { stores, ledger, process } = partition;
    const { broker } = makeBroker({ stores });
    const merge = async () => {
      const topic = await broker.topics.get('t');
      await mergeSegments(broker, { topic, ledger, partition: 0, targetBytes: 1_000_000 });
    };
    let merged: Promise<void> | undefined;
    process.metadata.onGet = async (proceed, { sk }) => {
      if (sk.startsWith('segment#')) await (merged ??= merge());
      return proceed();
    };
    await archive(partition);
    const condemned = await condemnedObjects(stores, ledger);
    expect(condemned).toHaveLength(mergingLimits.segmentMergeFanIn);
    expect(archived(partition).filter((name) => condemned.includes(name))).toEqual([]);
  });
});

describe('a store', () => {
  it('that has one class is not asked again for what it has', async () => {
    const partition = await segmented(2);
    partition.process.objects.archive = () => Promise.resolve('unsupported');
    expect(await archive(partition)).toEqual({ segments: 0, bytes: 0, missing: 0 });
    expect(await classesOf(partition)).toEqual(['EXPRESS_ONEZONE', 'EXPRESS_ONEZONE']);
    partition.process.objects.archive = () => Promise.reject(new Error('asked again'));
    expect(await archive(partition)).toEqual({ segments: 0, bytes: 0, missing: 0 });
  });

  it('that lacks an object is told of with the offsets, and the others are moved', async () => {
    const partition = await segmented(3);
    const [, lost] = await segmentsOf(partition.stores, partition.ledger, 0);
    await partition.stores.objects.delete([objectName('merged', (lost as SegmentItem).object)]);
    expect(await archive(partition)).toMatchObject({ segments: 5, missing: 1 });
    expect(await classesOf(partition)).toEqual(['GLACIER_IR', undefined, 'GLACIER_IR']);
  });

  it('that fails for one keeps no other from being noted', async () => {
    const partition = await segmented(3);
    const { store, requests } = await openScriptedS3([
      { status: 200, headers: { 'content-length': '0' } },
      { status: 200, body: '<CopyObjectResult><ETag>"a"</ETag></CopyObjectResult>' },
      { status: 403 },
      { status: 200, headers: { 'x-amz-storage-class': 'GLACIER_IR', 'content-length': '0' } },
      { status: 404 },
    ]);
    const segments = await segmentsOf(partition.stores, partition.ledger, 0);
    const names = new Set(namesOf(segments));
    let turn = Promise.resolve<unknown>(undefined);
    // One after the other, as the script has it; those of the other partition are in their class.
    partition.process.objects.archive = (name, storageClass) => {
      if (!names.has(name)) return Promise.resolve('archived');
      const outcome = turn.then(() => store.archive(name, storageClass));
      turn = outcome.catch(() => undefined);
      return outcome;
    };
    await expect(archive(partition)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(await classesOf(partition)).toEqual(['GLACIER_IR', undefined, 'GLACIER_IR']);
    expect(requests.map(({ method }) => method)).toEqual(['HEAD', 'PUT', 'HEAD', 'HEAD']);
  });
});
