/** A ledger with three replicas over DynamoDB's own conditions and transactions and three buckets of an S3 server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { type Broker, createBroker, settled } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { finishDeletions } from '../../../lib/broker/lifecycle/finish-deletions.ts';
import { rulesOf } from '../../../lib/broker/replication/rules.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { describeTopic } from '../../../lib/broker/topics/describe-topic.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { ledgerKey } from '../../../lib/log/ledger/head.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { ledgerOf, type Topic } from '../../../lib/log/topic/topic.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { ReplicaSet } from '../../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { batchOf, runsOf } from '../../support/broker.ts';
import { SwitchableStore } from '../../support/replicas.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { s3ServerMissing } from '../support/s3-server.ts';

const PRODUCERS = 6;

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing('fauxqs'))('three replicas on DynamoDB and S3', () => {
  let dynamo: Dynamo;
  let s3: S3;

  beforeAll(async () => {
    [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
  });

  afterAll(async () => {
    await Promise.all([dynamo.close(), s3.close()]);
  });

  interface World {
    metadata: MetadataStore;
    replicas: SwitchableStore[];
    processes: Broker[];
    topic: Topic;
    ledger: LedgerId;
  }

  async function makeWorld(): Promise<World> {
    const metadata = await dynamo.makeStore();
    const stores = await Promise.all([0, 1, 2].map(() => s3.makeStore()));
    const replicas = stores.map((store) => new SwitchableStore(store, systemClock));
    const inline = createInlineObjectStore({ metadata, clock: systemClock, random: systemRandom });
    const makeProcess = () => {
      const named = replicas.map((store, id) => ({ id, name: `r${id}`, rack: `r${id}`, store }));
      const bucket = new ReplicaSet({ replicas: named, clock: systemClock });
      const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: 0 });
      const platform = { compression: nodeCompression, clock: systemClock, random: systemRandom };
      return createBroker({ metadata, objects, ...platform });
    };
    const processes = [makeProcess(), makeProcess()];
    const founder = processes[0] as Broker;
    const config = { 'min.insync.replicas': 2 };
    await createTopic(founder, { name: 't', replicationFactor: 3, config });
    const topic = await founder.topics.get('t');
    return { metadata, replicas, processes, topic, ledger: ledgerOf(topic, 0).ledger };
  }

  /** One idempotent producer, which tries each batch in one process and then the other until it is acked. */
  async function produceUntil({ processes, topic, ledger }: World, name: string, stop: AbortSignal) {
    const acked: { offset: number; value: string }[] = [];
    for (let sequence = 0; !stop.aborted; sequence++) {
      const value = `${name} ${sequence}`;
      for (let attempt = 0; ; attempt++) {
        const { appender } = processes[(sequence + attempt) % processes.length] as Broker;
        try {
          const { baseOffset } = await appender.appendOnce({
            ledger,
            slot: 0,
            run: runOf([batchOf(value)]),
            sequence: { producer: name.padEnd(12, '_'), epoch: 0, firstSequence: sequence },
            rules: rulesOf(topic.config),
            deadlineMs: systemClock.monotonic() + produceLimits.produceDeadlineMs,
          });
          acked.push({ offset: baseOffset, value });
          break;
        } catch (error) {
          if (attempt === 10) throw error;
        }
      }
    }
    return acked;
  }

  async function until(world: World, holds: (isr: number[], leader: number, leaderEpoch: number) => boolean) {
    for (let tries = 0; tries < 300; tries++) {
      for (const { keeper } of world.processes) await keeper.look(world.ledger, rulesOf(world.topic.config));
      const { partitionDetails } = await describeTopic(world.processes[0] as Broker, 't');
      const { isr, leader, leaderEpoch } = partitionDetails[0] as (typeof partitionDetails)[number];
      if (holds(isr, leader, leaderEpoch)) return leader;
      await systemClock.sleep(100);
    }
    throw new Error('the replicas stay as they are');
  }

  it('lose nothing of what was acked when the leader fails under load, and are three again when it is back', async () => {
    const world = await makeWorld();
    const stop = new AbortController();
    const producers = Array.from({ length: PRODUCERS }, (_, index) => produceUntil(world, `p${index}`, stop.signal));
    await systemClock.sleep(1_000);
    const first = await until(world, (isr) => isr.length === 3);
    (world.replicas[first] as SwitchableStore).fault = 'read-only';
    await until(world, (isr, leader, epoch) => leader !== first && !isr.includes(first) && epoch === 1);
    await systemClock.sleep(1_000);
    (world.replicas[first] as SwitchableStore).fault = undefined;
    await until(world, (isr, leader, epoch) => isr.length === 3 && leader === first && epoch === 2);
    await systemClock.sleep(500);
    stop.abort();
    const acked = (await Promise.all(producers)).flat();
    await Promise.all(world.processes.map(settled));

    const stored = await readAll(world);
    expect(acked.filter(({ offset, value }) => stored[offset] !== value)).toEqual([]);
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored).toHaveLength(acked.length);
    const names = new Set(
      (await runsOf(world.metadata, world.ledger, 0)).map(({ commit }) => objectName(commit.tier, commit.object)),
    );
    for (const name of names) {
      for (const replica of world.replicas) expect(await replica.getTail(name, 1)).toBeDefined();
    }

    await deleteTopic(world.processes[1] as Broker, 't');
    for (let round = 0; round < 2; round++) await finishDeletions(world.processes[1] as Broker, { graceMs: 0 });
    const left = await world.metadata.query({
      pk: ledgerKey(world.ledger),
      from: '',
      to: '~',
      limit: 10,
      consistency: 'strong',
    });
    expect(left.items).toEqual([]);
  });

  async function readAll({ processes }: World): Promise<string[]> {
    const values: string[] = [];
    for (;;) {
      const request = { topic: 't', partition: 0, maxBytes: 1 << 20, minBytes: 1, waitMs: 0, maxRecords: 1_000 };
      const position = { at: 'offset' as const, offset: values.length };
      const { records, nextOffset } = await fetchRecords(processes[1] as Broker, { ...request, position });
      if (records.length === 0) return values;
      for (const { value } of records) values.push(Buffer.from(value ?? []).toString());
      expect(nextOffset).toBe(values.length);
    }
  }
});
