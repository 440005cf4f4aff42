/** Idempotent producers over DynamoDB's own conditions, expressions and transactions. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import type { Appended } from '../../../lib/broker/append/unit.ts';
import { type Broker, createBroker, settled } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { initProducer } from '../../../lib/broker/produce/init-producer.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import type { MillraceError } from '../../../lib/kernel/errors.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createLocalPresigner } from '../../../lib/storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { batchOf, headOf } from '../../support/broker.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithPeer } from '../support/peer.ts';

describeWithPeer(dynamoDbLocalMissing())('idempotent producers on DynamoDB', () => {
  let dynamo: Dynamo;

  beforeAll(async () => {
    dynamo = await makeDynamo();
  });

  afterAll(() => dynamo.close());

  interface World {
    processes: [Broker, Broker];
    metadata: MetadataStore;
    ledger: LedgerId;
  }

  async function makeWorld(): Promise<World> {
    const metadata = await dynamo.makeStore();
    const inline = createInlineObjectStore({ metadata, clock: systemClock, random: systemRandom });
    const secret = new Uint8Array(32);
    const presigner = createLocalPresigner({ secret, baseUrl: () => 'http://127.0.0.1', clock: systemClock });
    const bucket = createMemoryObjectStore({ presigner });
    const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: 0 });
    const make = () =>
      createBroker({ metadata, objects, compression: nodeCompression, clock: systemClock, random: systemRandom });
    const processes: [Broker, Broker] = [make(), make()];
    await createTopic(processes[0], { name: 't', partitions: 16 });
    const { ledger } = ledgerOf(await processes[0].topics.get('t'), 0);
    return { processes, metadata, ledger };
  }

  function send(
    broker: Broker,
    ledger: LedgerId,
    producer: string,
    firstSequence: number,
    slot = 0,
  ): Promise<Appended> {
    return broker.appender.appendOnce({
      ledger,
      slot,
      run: runOf([batchOf(`${producer} ${firstSequence}`)]),
      sequence: { producer: producer.padEnd(12, '_'), epoch: 0, firstSequence },
      deadlineMs: systemClock.monotonic() + produceLimits.produceDeadlineMs,
    });
  }

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: MillraceError) => error.code,
    );

  it('write once through two processes, in the head and out of it', async () => {
    const { processes, metadata, ledger } = await makeWorld();
    const [first, second] = processes;
    const producers = Array.from({ length: 3 * producerLimits.producersInHeadMax }, (_, i) => `p${i}`);
    for (const sequence of [0, 1]) {
      const both = await Promise.all(
        producers.flatMap((producer, i) => processes.map((broker) => send(broker, ledger, producer, sequence, i % 16))),
      );
      for (let i = 0; i < both.length; i += 2) {
        const [one, other] = [both[i] as Appended, both[i + 1] as Appended];
        expect(one.baseOffset).toBe(other.baseOffset);
        expect(one.duplicate).not.toBe(other.duplicate);
      }
    }
    const head = await headOf(metadata, ledger);
    expect(head.next.reduce((sum, next) => sum + next, 0)).toBe(2 * producers.length);
    expect(head.producers.size).toBe(producerLimits.producersInHeadMax);
    expect(await failure(send(second, ledger, 'p0', 60_000))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await failure(send(first, ledger, 'p95', 60_000, 95 % 16))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    await Promise.all(processes.map(settled));
  });

  it('fit one commit as many as it takes, from one process', async () => {
    const { processes, metadata, ledger } = await makeWorld();
    const [first] = processes;
    const producers = Array.from({ length: producerLimits.producersPerCommitMax }, (_, i) => `q${i}`);
    for (const sequence of [0, 1, 2]) {
      const sent = await Promise.all(producers.map((producer, i) => send(first, ledger, producer, sequence, i % 16)));
      expect(sent.every(({ duplicate }) => !duplicate)).toBe(true);
    }
    expect((await headOf(metadata, ledger)).tail).toHaveLength(3);
    await settled(first);
  });

  it('get ids that are nobody else’s', async () => {
    const { processes } = await makeWorld();
    const ids = await Promise.all(processes.map((broker) => initProducer(broker, { principal: 'a' })));
    expect(new Set(ids.map(({ producerId }) => producerId)).size).toBe(2);
    const { producerId } = ids[0] as (typeof ids)[number];
    expect(await initProducer(processes[1], { principal: 'a', producerId })).toEqual({ producerId, epoch: 1 });
    expect(await failure(initProducer(processes[1], { principal: 'b', producerId }))).toBe(
      'INVALID_PRODUCER_ID_MAPPING',
    );
  });
});
