/**
 * What creating topics and producing costs: requests one after the other from one process, as a Lambda function does.
 */

import { type ProduceRecord, produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { addCounts, NO_COUNTS, scaleCounts } from '../dollars.ts';
import { text } from '../payloads.ts';
import type { AwsWorld } from './aws-world.ts';
import { average, type Operation } from './operation.ts';

export interface ProduceShape {
  name: string;
  records: number;
  valueBytes: number;
  partitions: number;
  requests: number;
  replicas?: number;
}

/** The S3 server keeps what it is sent in memory, so that it is emptied now and then. */
const REQUESTS_BETWEEN_EMPTYING = 100;

export async function topicCreation(world: AwsWorld, partitions: number): Promise<Operation> {
  const process = world.startProcess();
  const counts = await average(world, process, 20, (index) =>
    createTopic(process, { name: `created-${partitions}-${index}`, partitions }),
  );
  return { name: `create a topic of ${partitions} partition${partitions > 1 ? 's' : ''}`, payloadBytes: 0, counts };
}

export async function production(world: AwsWorld, shape: ProduceShape): Promise<Operation> {
  const process = world.startProcess();
  const { replicas = 1 } = shape;
  const topic = `produced-${shape.records}-${shape.partitions}-${replicas}`;
  await createTopic(process, { name: topic, partitions: shape.partitions, replicationFactor: replicas });
  await produceRecords(process, { topic, records: recordsOf(shape, 0), acks: 'all' });
  let total = NO_COUNTS;
  for (let done = 0; done < shape.requests; ) {
    const times = Math.min(REQUESTS_BETWEEN_EMPTYING, shape.requests - done);
    const counts = await average(world, process, times, async (index) => {
      const outcomes = await produceRecords(process, { topic, records: recordsOf(shape, done + index), acks: 'all' });
      if (outcomes.some(({ outcome }) => outcome !== 'written')) throw new Error('a record was not written');
    });
    total = addCounts(total, scaleCounts(counts, times));
    done += times;
    await world.emptyBucket();
  }
  return {
    name: shape.name,
    payloadBytes: shape.records * shape.valueBytes,
    counts: scaleCounts(total, 1 / shape.requests),
  };
}

/** A single record goes to each partition in turn; many are spread over all of them. */
export function recordsOf({ records, valueBytes, partitions }: ProduceShape, request: number): ProduceRecord[] {
  const random = seededRandom(request);
  return Array.from({ length: records }, (_, index) => ({
    partition: (request + index) % partitions,
    key: null,
    value: new TextEncoder().encode(text(random, valueBytes)),
    headers: [],
  }));
}
