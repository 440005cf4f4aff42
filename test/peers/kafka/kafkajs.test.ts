/**
 * The same requests as kafkajs, byte for byte, and answers that it reads. Its encoders are internal, so they are
 * untyped.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { WireReader } from '../../../lib/kafka/codec/reader.ts';
import { WireWriter } from '../../../lib/kafka/codec/writer.ts';
import { type ApiName, apis } from '../../../lib/kafka/generated/apis.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { inventMessage } from '../../kafka/support/arbitrary-message.ts';
import { describeWithPeer } from '../support/peer.ts';
import { valuesIn } from './values-in.ts';

const home = new URL('../node_modules/kafkajs/src/', import.meta.url);
const missing = existsSync(home) ? undefined : 'kafkajs is not installed: run `npm run peers`';

type Encode = (fields: unknown) => { apiKey: number; encode(): Promise<{ buffer: Buffer }> };
type Decode = (bytes: Buffer) => Promise<unknown>;

interface Case {
  api: ApiName;
  /** kafkajs's folder. */
  folder: string;
  /** Of kafkajs. */
  highest: number;
  fields: unknown;
}

const member = { groupId: 'g', memberId: 'm-1', groupInstanceId: 'i' };
const producer = { transactionalId: 'tx', producerId: 7, producerEpoch: 3, groupId: 'g' };
const topicConfig = [{ name: 'cleanup.policy', value: 'compact' }];

const cases: Case[] = [
  { api: 'ApiVersions', folder: 'apiVersions', highest: 2, fields: {} },
  { api: 'Metadata', folder: 'metadata', highest: 6, fields: { topics: ['a', 'ü'], allowAutoTopicCreation: false } },
  {
    api: 'Fetch',
    folder: 'fetch',
    highest: 11,
    fields: {
      replicaId: -1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 1_000_000,
      rackId: 'r',
      topics: [{ topic: 't', partitions: [{ partition: 3, fetchOffset: 12, maxBytes: 1_000 }] }],
    },
  },
  {
    api: 'ListOffsets',
    folder: 'listOffsets',
    highest: 3,
    fields: {
      replicaId: -1,
      isolationLevel: 1,
      topics: [{ topic: 't', partitions: [{ partition: 1, timestamp: -1 }] }],
    },
  },
  {
    api: 'OffsetCommit',
    folder: 'offsetCommit',
    highest: 5,
    fields: {
      ...member,
      groupGenerationId: 4,
      retentionTime: 1_000,
      topics: [{ topic: 't', partitions: [{ partition: 1, offset: 77, metadata: 'note' }] }],
    },
  },
  {
    api: 'OffsetFetch',
    folder: 'offsetFetch',
    highest: 4,
    fields: { ...member, topics: [{ topic: 't', partitions: [{ partition: 1 }] }] },
  },
  {
    api: 'FindCoordinator',
    folder: 'findCoordinator',
    highest: 2,
    fields: { groupId: 'g', coordinatorKey: 'g', coordinatorType: 1 },
  },
  {
    api: 'JoinGroup',
    folder: 'joinGroup',
    highest: 5,
    fields: {
      ...member,
      sessionTimeout: 10_000,
      rebalanceTimeout: 20_000,
      protocolType: 'consumer',
      groupProtocols: [{ name: 'range', metadata: Buffer.from([1, 2, 3]) }],
    },
  },
  { api: 'Heartbeat', folder: 'heartbeat', highest: 3, fields: { ...member, groupGenerationId: 5 } },
  {
    api: 'LeaveGroup',
    folder: 'leaveGroup',
    highest: 3,
    fields: { ...member, members: [{ memberId: 'm-1', groupInstanceId: null }] },
  },
  {
    api: 'SyncGroup',
    folder: 'syncGroup',
    highest: 3,
    fields: { ...member, generationId: 2, groupAssignment: [{ memberId: 'm-1', memberAssignment: Buffer.from([9]) }] },
  },
  { api: 'DescribeGroups', folder: 'describeGroups', highest: 2, fields: { groupIds: ['g', 'h'] } },
  { api: 'ListGroups', folder: 'listGroups', highest: 2, fields: {} },
  { api: 'SaslHandshake', folder: 'saslHandshake', highest: 1, fields: { mechanism: 'PLAIN' } },
  {
    api: 'CreateTopics',
    folder: 'createTopics',
    highest: 3,
    fields: {
      topics: [{ topic: 't', numPartitions: 3, replicationFactor: 1, configEntries: topicConfig }],
      timeout: 5_000,
    },
  },
  { api: 'DeleteTopics', folder: 'deleteTopics', highest: 1, fields: { topics: ['t'], timeout: 5_000 } },
  {
    api: 'DeleteRecords',
    folder: 'deleteRecords',
    highest: 1,
    fields: { topics: [{ topic: 't', partitions: [{ partition: 0, offset: '5' }] }], timeout: 5_000 },
  },
  { api: 'InitProducerId', folder: 'initProducerId', highest: 1, fields: { ...producer, transactionTimeout: 60_000 } },
  {
    api: 'AddPartitionsToTxn',
    folder: 'addPartitionsToTxn',
    highest: 1,
    fields: { ...producer, topics: [{ topic: 't', partitions: [0, 1] }] },
  },
  { api: 'AddOffsetsToTxn', folder: 'addOffsetsToTxn', highest: 1, fields: producer },
  { api: 'EndTxn', folder: 'endTxn', highest: 1, fields: { ...producer, transactionResult: true } },
  {
    api: 'TxnOffsetCommit',
    folder: 'txnOffsetCommit',
    highest: 1,
    fields: { ...producer, topics: [{ topic: 't', partitions: [{ partition: 1, offset: 8, metadata: null }] }] },
  },
  {
    api: 'DescribeConfigs',
    folder: 'describeConfigs',
    highest: 2,
    fields: { resources: [{ type: 2, name: 't', configNames: ['cleanup.policy'] }], includeSynonyms: true },
  },
  {
    api: 'AlterConfigs',
    folder: 'alterConfigs',
    highest: 1,
    fields: { resources: [{ type: 2, name: 't', configEntries: topicConfig }], validateOnly: true },
  },
  {
    api: 'CreatePartitions',
    folder: 'createPartitions',
    highest: 1,
    fields: { topicPartitions: [{ topic: 't', count: 6 }], timeout: 5_000 },
  },
  { api: 'DeleteGroups', folder: 'deleteGroups', highest: 1, fields: ['g'] },
];

/** Each of kafkajs's versions that there is here too. */
const versioned = cases.flatMap((each) =>
  Array.from({ length: each.highest + 1 }, (_, version) => ({ ...each, version })).filter(
    ({ api, version }) => version >= apis[api].lowest,
  ),
);

/**
 * kafkajs decodes the records of Fetch on the way, adds to what configs are said to be, and reads deletions only
 * knowing their request.
 */
const UNREAD: ReadonlySet<ApiName> = new Set(['Fetch', 'DescribeConfigs', 'DeleteRecords']);
/** It says several times how long a client is throttled, or makes it 0. */
const THROTTLE = /throttle/i;

function load(path: string): unknown {
  return createRequire(home)(new URL(`protocol/requests/${path}`, home).pathname);
}

describeWithPeer(missing)('kafkajs', () => {
  it.each(versioned)(
    'writes $api version $version byte for byte the same',
    async ({ api, folder, version, fields }) => {
      const encode = load(`${folder}/v${version}/request.js`) as Encode;
      const peer = encode(fields);
      expect(peer.apiKey).toBe(apis[api].key);
      const theirs = (await peer.encode()).buffer;
      const reader = new WireReader(theirs);
      const message = apis[api].decodeRequest(reader, version);
      expect(reader.remaining).toBe(0);
      const writer = new WireWriter();
      apis[api].encodeRequest(writer, version, message as never);
      expect(Buffer.from(concatBytes(writer.take())).toString('hex')).toBe(theirs.toString('hex'));
    },
  );

  it.each(versioned.filter(({ api }) => !UNREAD.has(api)))('reads answers of $api version $version', async (each) => {
    const { api, folder, version } = each;
    const random = seededRandom(version + 1);
    const { decode } = load(`${folder}/v${version}/response.js`) as { decode: Decode };
    for (let run = 0; run < 20; run++) {
      const how = { version, random, tagged: false, errors: false };
      const { message, values } = inventMessage(apis[api].decodeResponse as never, how);
      const writer = new WireWriter();
      apis[api].encodeResponse(writer, version, message as never);
      const found = valuesIn(await decode(Buffer.from(concatBytes(writer.take()))), THROTTLE);
      const { throttleTimeMs = 0 } = message as { throttleTimeMs?: number };
      // 0 where the version has none.
      const expected = throttleTimeMs === 0 ? values : values.toSpliced(values.indexOf(String(throttleTimeMs)), 1);
      expect(found.toSorted()).toEqual(expected.toSorted());
    }
  });
});
