/** A member of a share group on one connection, as a test steps it: it counts the requests of its session by itself. */

import { nodeCompression } from '../../../lib/broker/compression.ts';
import { records } from '../../../lib/log/record-batch/decode.ts';
import type { KafkaTestClient, RequestBody, ResponseBody } from './kafka-test-client.ts';

type FetchTopics = RequestBody<'ShareFetch'>['topics'];
export type Acked = FetchTopics[number]['partitions'][number]['acknowledgementBatches'];

export interface ShareRead {
  errorCode: number;
  partitions: {
    partition: number;
    errorCode: number;
    acknowledgeErrorCode: number;
    offsets: number[];
    deliveries: number[];
    values: string[];
  }[];
}

export interface FetchWish {
  maxRecords?: number;
  maxBytes?: number;
  batchSize?: number;
  waitMs?: number;
  strict?: boolean;
  renews?: boolean;
  epoch?: number;
  /** By partition. */
  acks?: Record<number, Acked>;
  partitions?: readonly number[];
}

export class ShareMember {
  readonly client: KafkaTestClient;
  readonly memberId: string;
  readonly group: string;
  readonly topicId: string;
  sessionEpoch = 0;

  constructor(
    client: KafkaTestClient,
    { memberId, topicId, group = 'g' }: { memberId: string; topicId: string; group?: string },
  ) {
    this.client = client;
    this.memberId = memberId;
    this.group = group;
    this.topicId = topicId;
  }

  beat(body: Partial<RequestBody<'ShareGroupHeartbeat'>> = {}): Promise<ResponseBody<'ShareGroupHeartbeat'>> {
    const { group: groupId, memberId } = this;
    return this.client.request('ShareGroupHeartbeat', 1, { groupId, memberId, memberEpoch: 0, ...body });
  }

  async fetch({
    maxRecords = 500,
    maxBytes = 1_000_000,
    batchSize = 500,
    waitMs = 0,
    strict = false,
    renews = false,
    acks = {},
    partitions = [],
    epoch,
  }: FetchWish = {}): Promise<ShareRead> {
    const shareSessionEpoch = epoch ?? this.sessionEpoch;
    const named = [...new Set([...partitions, ...Object.keys(acks).map(Number)])];
    const answer = await this.client.request('ShareFetch', 2, {
      groupId: this.group,
      memberId: this.memberId,
      shareSessionEpoch,
      maxWaitMs: renews ? 0 : waitMs,
      minBytes: renews ? 0 : 1,
      maxBytes: renews ? 0 : maxBytes,
      maxRecords: renews ? 0 : maxRecords,
      batchSize,
      shareAcquireMode: strict ? 1 : 0,
      isRenewAck: renews,
      topics: [
        {
          topicId: this.topicId,
          partitions: named.map((partitionIndex) => ({
            partitionIndex,
            partitionMaxBytes: 0,
            acknowledgementBatches: acks[partitionIndex] ?? [],
          })),
        },
      ],
      forgottenTopicsData: [],
    });
    if (answer.errorCode === 0) this.sessionEpoch = shareSessionEpoch === -1 ? 0 : shareSessionEpoch + 1;
    return {
      errorCode: answer.errorCode,
      partitions: answer.responses.flatMap((topic) => topic.partitions.map(readOf)),
    };
  }

  async acknowledge(acks: Record<number, Acked>, { epoch = this.sessionEpoch, renews = false } = {}) {
    const answer = await this.client.request('ShareAcknowledge', 2, {
      groupId: this.group,
      memberId: this.memberId,
      shareSessionEpoch: epoch,
      isRenewAck: renews,
      topics: [
        {
          topicId: this.topicId,
          partitions: Object.entries(acks).map(([partition, acknowledgementBatches]) => ({
            partitionIndex: Number(partition),
            acknowledgementBatches,
          })),
        },
      ],
    });
    if (answer.errorCode === 0) this.sessionEpoch = epoch === -1 ? 0 : epoch + 1;
    return {
      errorCode: answer.errorCode,
      codes: answer.responses.flatMap(({ partitions }) => partitions.map((each) => each.errorCode)),
    };
  }
}

/** One type for all of the records, or one for each. */
export function ackOf(firstOffset: number, lastOffset: number, ...acknowledgeTypes: number[]): Acked {
  return [{ firstOffset: BigInt(firstOffset), lastOffset: BigInt(lastOffset), acknowledgeTypes }];
}

type PartitionData = ResponseBody<'ShareFetch'>['responses'][number]['partitions'][number];

/** What was acquired, and the values that clients take for it: those of the batches that lie in what was acquired. */
function readOf({
  partitionIndex,
  errorCode,
  acknowledgeErrorCode,
  records: bytes,
  acquiredRecords,
}: PartitionData): ShareRead['partitions'][number] {
  const offsets = acquiredRecords.flatMap(({ firstOffset, lastOffset }) =>
    Array.from({ length: Number(lastOffset - firstOffset) + 1 }, (_, at) => Number(firstOffset) + at),
  );
  const deliveries = acquiredRecords.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
    Array.from({ length: Number(lastOffset - firstOffset) + 1 }, () => deliveryCount),
  );
  const isAcquired = new Set(offsets);
  const chunks = bytes === null ? [] : bytes instanceof Uint8Array ? [bytes] : [...bytes];
  const read = chunks.flatMap((chunk) => Array.from(records(chunk, nodeCompression)));
  const values = read
    .filter(({ offset }) => isAcquired.has(offset))
    .map(({ value }) => Buffer.from(value ?? []).toString());
  return { partition: partitionIndex, errorCode, acknowledgeErrorCode, offsets, deliveries, values };
}
