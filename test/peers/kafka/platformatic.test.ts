/**
 * The same requests as @platformatic/kafka, byte for byte, and answers that it reads: unlike kafkajs it knows the
 * flexible versions.
 */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { WireReader } from '../../../lib/kafka/codec/reader.ts';
import { WireWriter } from '../../../lib/kafka/codec/writer.ts';
import { type ApiName, apis } from '../../../lib/kafka/generated/apis.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { inventMessage } from '../../kafka/support/arbitrary-message.ts';
import { describeWithPeer } from '../support/peer.ts';
import { valuesIn } from './values-in.ts';

const home = new URL('../node_modules/@platformatic/kafka/dist/', import.meta.url);
const missing = existsSync(home) ? undefined : '@platformatic/kafka is not installed: run `npm run peers`';

interface PeerApi {
  createRequest: (...fields: unknown[]) => { buffer: Buffer };
  parseResponse: (correlationId: number, apiKey: number, apiVersion: number, reader: unknown) => unknown;
}

interface PeerReader {
  Reader: { from(bytes: Buffer): unknown };
}

const FOLDERS = ['admin', 'consumer', 'metadata', 'producer', 'security'];

interface Version {
  api: ApiName;
  version: number;
  path: string;
}

/** All versions that are both here and there; but it decodes the records of Fetch on the way. */
const versions: Version[] = (Object.keys(apis) as ApiName[])
  .filter((api) => api !== 'Fetch')
  .flatMap((api) => {
    const { lowest, highest } = apis[api];
    return Array.from({ length: highest - lowest + 1 }, (_, index) => lowest + index).flatMap((version) => {
      const path = pathOf(api, version);
      return path === undefined ? [] : [{ api, version, path }];
    });
  });

function pathOf(api: ApiName, version: number): string | undefined {
  const name = api.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
  return FOLDERS.map((folder) => new URL(`apis/${folder}/${name}-v${version}.js`, home).pathname).find(existsSync);
}

const topicId = '00010203-0405-4607-8809-0a0b0c0d0e0f';
const requests: [ApiName, number, ...unknown[]][] = [
  ['ApiVersions', 4, 'client', '1.0'],
  ['Metadata', 12, ['a', 'b'], false, true],
  ['Metadata', 12, null, true],
  ['FindCoordinator', 6, 0, ['g', 'h']],
  ['Fetch', 17, 500, 1, 1_000_000, 1, 0, -1, [{ topicId, partitions: [fetched(0), fetched(1)] }], [], 'rack'],
  [
    'ListOffsets',
    9,
    -1,
    1,
    [{ name: 't', partitions: [{ partitionIndex: 2, currentLeaderEpoch: -1, timestamp: -1n }] }],
  ],
  [
    'JoinGroup',
    9,
    'g',
    10_000,
    20_000,
    '',
    null,
    'consumer',
    [{ name: 'range', metadata: Buffer.from([1, 2]) }],
    'why',
  ],
  ['SyncGroup', 5, 'g', 3, 'm', 'i', 'consumer', 'range', [{ memberId: 'm', assignment: Buffer.from([5]) }]],
  ['Heartbeat', 4, 'g', 3, 'm', null],
  ['LeaveGroup', 5, 'g', [{ memberId: 'm', groupInstanceId: null, reason: 'done' }]],
  ['OffsetCommit', 9, 'g', 3, 'm', null, [{ name: 't', partitions: [committed(0), committed(1)] }]],
  [
    'OffsetFetch',
    9,
    [{ groupId: 'g', memberId: 'm', memberEpoch: 4, topics: [{ name: 't', partitionIndexes: [0] }] }],
    true,
  ],
  ['InitProducerId', 5, null, 60_000, 7n, 2],
  ['EndTxn', 4, 'tx', 7n, 2, true],
  ['AddOffsetsToTxn', 4, 'tx', 7n, 2, 'g'],
];

function fetched(partition: number) {
  return { partition, currentLeaderEpoch: 0, fetchOffset: 12n, lastFetchedEpoch: -1, partitionMaxBytes: 1_000 };
}

function committed(partitionIndex: number) {
  return { partitionIndex, committedOffset: 8n, committedLeaderEpoch: -1, committedMetadata: 'note' };
}

function reencoded(api: ApiName, version: number, theirs: Uint8Array): Buffer {
  const reader = new WireReader(theirs);
  const message = apis[api].decodeRequest(reader, version);
  expect(reader.remaining).toBe(0);
  const writer = new WireWriter();
  apis[api].encodeRequest(writer, version, message as never);
  return Buffer.from(concatBytes(writer.take()));
}

/** What it has read: an answer with errors of records is thrown, along with what it says. */
function read(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Error && 'response' in error) return error.response;
    throw error;
  }
}

function missingIn(found: string[], values: readonly string[]): string[] {
  return values.filter((value) => {
    const at = found.indexOf(value);
    if (at >= 0) found.splice(at, 1);
    return at < 0;
  });
}

describeWithPeer(missing)('@platformatic/kafka', () => {
  it.each(requests)('writes %s version %i byte for byte the same', async (api, version, ...fields) => {
    const { createRequest } = (await import(pathOf(api, version) as string)) as PeerApi;
    const theirs = createRequest(...fields).buffer;
    expect(reencoded(api, version, theirs).toString('hex')).toBe(theirs.toString('hex'));
  });

  it.each(versions)('reads answers of $api version $version', async ({ api, version, path }) => {
    const { parseResponse } = (await import(path)) as PeerApi;
    const { Reader } = (await import(new URL('index.js', home).pathname)) as PeerReader;
    const random = seededRandom(version + 1);
    for (let run = 0; run < 20; run++) {
      const how = { version, random, tagged: false, errors: false };
      const { message, values } = inventMessage(apis[api].decodeResponse as never, how);
      const writer = new WireWriter();
      apis[api].encodeResponse(writer, version, message as never);
      const bytes = Buffer.from(concatBytes(writer.take()));
      const found = valuesIn(read(() => parseResponse(1, apis[api].key, version, Reader.from(bytes))));
      // It makes up what the older versions do not have.
      expect(missingIn(found, values)).toEqual([]);
    }
  });
});
