/**
 * Erasures on DynamoDB Local and an S3 server: afterwards no object and no item has a byte of their subjects, and every
 * other record is what it was, at its offset. Whatever a record can be in by then: an item, an object of several
 * topics, a page, a bundle, segments of both levels, compressed or not.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createErasure } from '../../../lib/broker/erasures/create-erasure.ts';
import { describeErasure } from '../../../lib/broker/erasures/describe-erasure.ts';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { initProducer } from '../../../lib/broker/produce/init-producer.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { isBundle } from '../../../lib/log/ledger/bundle.ts';
import { COMPRESSION_TYPES } from '../../../lib/log/record-batch/compression.ts';
import type { NewRecord } from '../../../lib/log/record-batch/record.ts';
import type { MetadataStore, TableScan } from '../../../lib/storage/metadata/port.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createS3ObjectStore } from '../../../lib/storage/objects/s3.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from '../../support/aws-sdk.ts';
import { headOf, makeBroker, makeStores, type Process, type Stores } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { readRecords, recordOf, SUBJECT, tracesOf, untilDone, write } from '../../support/erasing.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { mergePageByPage } from '../../support/merging.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { s3ServerMissing } from '../support/s3-server.ts';

/** In headers. */
const OTHER_SUBJECT = 'subject-0815@example.com';

/** Who waits for a store waits really; what is said of hours is by hand. */
class PassingClock extends ManualClock {
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  override async until(promise: Promise<unknown>): Promise<number> {
    await Promise.allSettled([promise]);
    return 0;
  }
}

const TOPICS = [
  { name: 't', partitions: 2 },
  { name: 't-returned', partitions: 1 },
  { name: 'stock', partitions: 1 },
];

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing())('erasures on DynamoDB and S3', () => {
  let [dynamo, s3]: [Dynamo?, S3?] = [];
  let stores: Stores;
  let bucket: string;
  let process: Process;

  beforeAll(async () => {
    [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
    bucket = await s3.makeBucket();
    const clock = new PassingClock();
    const metadata: MetadataStore & TableScan = await dynamo.makeStore();
    const objects = createTieredObjectStore({
      inline: createInlineObjectStore({ metadata, clock }),
      bucket: createS3ObjectStore({ client: s3.client, bucket, clock: systemClock, random: seededRandom(1) }),
      inlineBytesMax: storageLimits.inlineBytesMaxDefault,
    });
    stores = { ...makeStores({ clock }), metadata, objects };
    process = makeBroker({ stores });
    for (const topic of TOPICS) await createTopic(process.broker, topic);
  });

  afterAll(async () => {
    await Promise.all([dynamo?.close(), s3?.close()]);
  });

  let written = 0;
  /** One of each subject among others, all with times and headers of their own; `large` ones are no items. */
  function some({ large = false } = {}): NewRecord[] {
    return [
      ['a', {}],
      [SUBJECT, {}],
      ['b', { user: OTHER_SUBJECT }],
      [null, { user: 'c', trace: 'x' }],
    ].map((of) => {
      const [key, headers] = of as [string | null, Record<string, string>];
      const value = `${written}`.padEnd(large ? 6_000 : 10, `${written} `);
      return Object.assign(recordOf(key, value, headers), { timestamp: Date.UTC(2026, 0, 1) + written++ });
    });
  }

  async function ledgerOf(name: string) {
    return { topicId: (await process.broker.topics.get(name)).topicId, index: 0 };
  }

  async function writeTransaction(transactionalId: string): Promise<void> {
    const { broker } = process;
    const { epoch } = await initializeTransactions(broker, { transactionalId });
    const caller = { epoch, number: 0 };
    for (let part = 0; part < transactionLimits.commitsPerAppendMax + 2; part++) {
      const records = some().map(({ key, value, headers }) => ({ topic: 't', partition: 1, key, value, headers }));
      await addToTransaction(broker, { transactionalId, caller, part, records });
    }
    await commitTransaction(broker, { transactionalId, caller });
  }

  /** By topic and partition, each record by its offset. */
  async function everything(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const { name, partitions } of TOPICS) {
      for (let partition = 0; partition < partitions; partition++) {
        for (const [offset, record] of await readRecords(stores, name, partition)) {
          found.set(`${name} ${partition} ${offset}`, record);
        }
      }
    }
    return found;
  }

  /** Of the bucket as it is, under whatever name. */
  async function rawTraces(...subjects: string[]): Promise<string[]> {
    const { client } = s3 as S3;
    const { Contents = [], IsTruncated } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    expect(IsTruncated).not.toBe(true);
    const found: string[] = [];
    for (const { Key } of Contents) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      if (subjects.some((subject) => bytes.includes(subject))) found.push(Key as string);
    }
    return found;
  }

  it('leave no trace in any object or item, and all other records byte by byte', async () => {
    const { broker } = process;
    const producer = {
      producerId: BigInt((await initProducer(broker, { principal: '' })).producerId),
      producerEpoch: 0,
    };
    // Segments of two levels, in all compressions.
    for (let page = 0; page < 9; page++) {
      const compressionType = COMPRESSION_TYPES[page % COMPRESSION_TYPES.length] ?? 'none';
      await write(process, 't', some({ large: page % 2 === 0 }), { compressionType });
      await broker.sealer.seal(await ledgerOf('t'));
    }
    await mergePageByPage(process, await ledgerOf('t'));
    const topic = await broker.topics.get('t');
    await mergeSegments(broker, { topic, ledger: await ledgerOf('t'), partition: 0 });
    // Objects and items of several topics, in pages and in tails.
    for (let round = 0; round < 4; round++) {
      const large = round % 2 === 0;
      await Promise.all([
        write(process, 't', some({ large })),
        write(process, 't-returned', some(), { compressionType: 'zstd' }),
        write(process, 'stock', some({ large })),
      ]);
      if (round === 1) await broker.sealer.seal(await ledgerOf('t'));
    }
    const batch = some();
    await write(process, 't', batch, { partition: 1, producer: { ...producer, baseSequence: 0 } });
    await writeTransaction('in-bundles');
    expect((await headOf(stores.metadata, await ledgerOf('t'))).tail.some(isBundle)).toBe(true);
    const before = await everything();
    for (const subject of [SUBJECT, OTHER_SUBJECT]) {
      const kinds = (await tracesOf(stores, subject)).map((name) => name.split(/[/#]/)[0]);
      expect(new Set(kinds)).toEqual(new Set(['inline', 'segments', 'merged']));
    }

    const topics = { pattern: 't.*' };
    const header = { kind: 'header', name: 'user', value: utf8(OTHER_SUBJECT) } as const;
    const erasures = [
      await createErasure(broker, { topics, subject: { kind: 'key', key: utf8(SUBJECT) } }),
      await createErasure(broker, { topics, subject: header }),
      await createErasure(broker, { topics: { names: ['stock'] }, subject: { kind: 'key', key: utf8(SUBJECT) } }),
      await createErasure(broker, { topics: { names: ['stock'] }, subject: header }),
    ];
    await untilDone(process);

    for (const subject of [SUBJECT, OTHER_SUBJECT]) expect(await tracesOf(stores, subject)).toEqual([]);
    expect(await rawTraces(SUBJECT, OTHER_SUBJECT)).toEqual([]);
    const { Uploads = [] } = await (s3 as S3).client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
    const hex = (text: string) => Buffer.from(text).toString('hex');
    const others = [...before].filter(([, one]) => !one.includes(hex(SUBJECT)) && !one.includes(hex(OTHER_SUBJECT)));
    expect(await everything()).toEqual(new Map(others));
    expect(others).toHaveLength(before.size / 2);
    let removed = 0;
    for (const { erasure } of erasures) {
      const { phase, partitions } = await describeErasure(broker, erasure.id);
      expect(phase).toBe('done');
      removed += partitions.reduce((sum, one) => sum + one.removed, 0);
    }
    expect(removed).toBe(before.size / 2);
    // What idempotence needs is not in the log.
    const again = await write(process, 't', batch, { partition: 1, producer: { ...producer, baseSequence: 0 } });
    expect(again).toMatchObject({ duplicate: true });
    expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
  }, 120_000);
});
