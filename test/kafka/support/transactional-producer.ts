/**
 * A transactional producer of Kafka's protocol, as a test steps it: each call is one request, and answers with its
 * error codes. A newer one is of KIP-890's second part: it names no partitions and groups before, and goes on after
 * each end as it is told.
 */
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import type { KafkaTestClient, RequestBody } from './kafka-test-client.ts';

export class TransactionalProducer {
  readonly #client: KafkaTestClient;
  readonly transactionalId: string;
  producerId = -1n;
  producerEpoch = -1;
  readonly #sequences = new Map<string, number>();
  readonly #versions: { produce: number; commitOffsets: number; end: number };

  constructor(client: KafkaTestClient, transactionalId: string, { isNewer = false } = {}) {
    this.#client = client;
    this.transactionalId = transactionalId;
    this.#versions = isNewer ? { produce: 12, commitOffsets: 5, end: 5 } : { produce: 9, commitOffsets: 3, end: 3 };
  }

  /** `goesOn`: after an error, by the id and epoch that it has (KIP-360). */
  async init({ timeoutMs = 60_000, goesOn = false, version = 4 } = {}): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this;
    const answer = await this.#client.request('InitProducerId', version, {
      transactionalId,
      transactionTimeoutMs: timeoutMs,
      ...(goesOn && { producerId, producerEpoch }),
    });
    if (answer.errorCode === 0) {
      this.producerId = answer.producerId;
      this.producerEpoch = answer.producerEpoch;
      this.#sequences.clear();
    }
    return answer.errorCode;
  }

  async addPartitions(topics: Record<string, number[]>, version = 3): Promise<number[]> {
    const answer = await this.#client.request('AddPartitionsToTxn', version, {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: Object.entries(topics).map(([name, partitions]) => ({ name, partitions })),
    });
    return answer.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
    );
  }

  /** The next records of the partition, or those from another sequence on. */
  async produce(topic: string, partition: number, values: string[], from?: number): Promise<number> {
    const name = `${topic}/${partition}`;
    const baseSequence = from ?? this.#sequences.get(name) ?? 0;
    this.#sequences.set(name, baseSequence + values.length);
    const answer = await this.#client.request(
      'Produce',
      this.#versions.produce,
      this.produceRequest(topic, partition, values, baseSequence),
    );
    const [response] = answer.responses[0]?.partitionResponses ?? [];
    return response?.errorCode === 0 && response.baseOffset !== -1n ? Number.NaN : (response?.errorCode ?? Number.NaN);
  }

  produceRequest(topic: string, partition: number, values: string[], baseSequence: number): RequestBody<'Produce'> {
    const { transactionalId, producerId, producerEpoch } = this;
    const records = encodeBatch(
      values.map((value) => ({ timestamp: Date.now(), key: null, value: utf8(value), headers: [] })),
      { producerId, producerEpoch, baseSequence, transactional: true },
    );
    const partitionData = [{ index: partition, records }];
    return { transactionalId, acks: -1, timeoutMs: 5_000, topicData: [{ name: topic, partitionData }] };
  }

  async addOffsets(groupId: string): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this;
    const request = { transactionalId, producerId, producerEpoch, groupId };
    return (await this.#client.request('AddOffsetsToTxn', 3, request)).errorCode;
  }

  async commitOffsets(
    groupId: string,
    offsets: { topic: string; partition: number; offset: number }[],
    member: { memberId?: string; generationId?: number } = {},
  ): Promise<number[]> {
    const { transactionalId, producerId, producerEpoch } = this;
    const answer = await this.#client.request('TxnOffsetCommit', this.#versions.commitOffsets, {
      transactionalId,
      groupId,
      producerId,
      producerEpoch,
      ...member,
      topics: offsets.map(({ topic, partition, offset }) => ({
        name: topic,
        partitions: [{ partitionIndex: partition, committedOffset: BigInt(offset), committedMetadata: null }],
      })),
    });
    return answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
  }

  /** `as`: by what the producer was called before. */
  async end(committed: boolean, version = this.#versions.end, as?: { producerId: bigint; producerEpoch: number }) {
    const { transactionalId, producerId, producerEpoch } = this;
    const request = { transactionalId, producerId, producerEpoch, committed, ...as };
    const answer = await this.#client.request('EndTxn', version, request);
    if (answer.errorCode === 0 && version >= 5) {
      this.producerId = answer.producerId;
      this.producerEpoch = answer.producerEpoch;
      this.#sequences.clear();
    }
    return answer.errorCode;
  }
}
