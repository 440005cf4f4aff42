import { describe, expect, test } from 'vitest';
import { createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { type SharedPartition, shareFetch } from '../../../lib/broker/share-groups/share-fetch.ts';
import type { AcknowledgementBatch } from '../../../lib/coordination/share-groups/acknowledge.ts';
import { SHARE_PREFIX } from '../../../lib/coordination/share-groups/share-partition-item.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { batchOf, lost, makeTopic, type Process } from '../../support/broker.ts';

type World = Process & { topicId: string };

/** A group that has begun with the partition, whose end it has reached. */
async function world(): Promise<World> {
  const process = await makeTopic();
  const made = { ...process, topicId: process.ledger.topicId };
  await fetch(made);
  return made;
}

async function fetch({ broker, topicId }: World, asked: Partial<SharedPartition> = {}, memberId = 'a') {
  const partitions = [{ topic: 't', topicId, partition: 0, ...asked }];
  const limits = { maxRecords: 500, batchSize: 500, strict: false, maxBytes: 1_000_000, minBytes: 1, waitMs: 0 };
  const [visited] = await shareFetch(broker, { group: 'g', memberId, partitions, ...limits });
  if (visited === undefined) throw new Error('no answer');
  return visited;
}

async function produce({ broker, metadata }: World, ...values: string[]) {
  await produceBatches(broker, { topic: 't', partition: 0, batches: batchOf(...values), acks: 'all' });
  metadata.forget();
}

function accepted(firstOffset: number, lastOffset: number): AcknowledgementBatch[] {
  return [{ firstOffset, lastOffset, types: ['accept'] }];
}

function ofShare({ metadata }: World): string[] {
  return metadata.calls
    .filter((call) => call.includes(SHARE_PREFIX))
    .map((call) => call.split(SHARE_PREFIX)[0] as string);
}

const isShared = ({ key }: Write) => key.sk.startsWith(SHARE_PREFIX);

describe('what it costs', () => {
  test('to fetch records, and to say what became of those before, is one write', async () => {
    const made = await world();
    await produce(made, '0', '1', '2');
    expect((await fetch(made)).acquired).toEqual([{ firstOffset: 0, lastOffset: 2, deliveries: 1 }]);
    expect(ofShare(made)).toEqual(['write ']);
    await produce(made, '3');
    expect((await fetch(made, { acknowledgements: accepted(0, 2) })).acquired).toHaveLength(1);
    expect(ofShare(made)).toEqual(['write ']);
  });

  test('to acknowledge is one write, however many batches there are', async () => {
    const made = await world();
    for (const value of ['0', '1', '2', '3']) await produce(made, value);
    await fetch(made);
    made.metadata.forget();
    const acknowledgements = [...accepted(0, 0), ...accepted(1, 1), ...accepted(2, 3)];
    expect(await fetch(made, { acknowledgements, withoutRecords: true })).toEqual({ acquired: [], batches: [] });
    expect(made.metadata.calls).toHaveLength(1);
  });

  test('to find nothing is no write, and a read of the item a second', async () => {
    const made = await world();
    made.metadata.forget();
    await fetch(made);
    expect(ofShare(made)).toEqual([]);
    await made.clock.advance(1_000);
    await fetch(made);
    expect(ofShare(made)).toEqual(['get ']);
  });

  test('that another process was there meanwhile is one write more, which is refused', async () => {
    const made = await world();
    const { metadata, clock, objects } = made;
    const broker = createBroker({ metadata, objects, compression: nodeCompression, clock, random: seededRandom(99) });
    const other = { ...made, broker };
    await produce(made, '0');
    await fetch(other, {}, 'b');
    await produce(made, '1');
    expect((await fetch(made)).acquired).toEqual([{ firstOffset: 1, lastOffset: 1, deliveries: 1 }]);
    expect(ofShare(made)).toEqual(['write ', 'write ']);
  });
});

describe('a write of which nothing is heard', () => {
  test('is found by its id where it was applied', async () => {
    const made = await world();
    await produce(made, '0');
    loseOnce(made, 'after');
    expect((await fetch(made)).acquired).toEqual([{ firstOffset: 0, lastOffset: 0, deliveries: 1 }]);
    expect((await fetch(made, { acknowledgements: accepted(0, 0) })).refused).toBeUndefined();
  });

  test('is made again where it was not', async () => {
    const made = await world();
    await produce(made, '0');
    loseOnce(made, 'before');
    expect((await fetch(made)).acquired).toEqual([{ firstOffset: 0, lastOffset: 0, deliveries: 1 }]);
  });

  test('keeps the record from nobody for longer than the lock', async () => {
    const made = await world();
    await produce(made, '0');
    made.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      if (writes.some(isShared)) throw lost();
      return result;
    };
    made.metadata.onGet = () => Promise.reject(lost());
    const unheard = fetch(made);
    await made.clock.advance(10_000);
    expect((await unheard).fault).toMatchObject({ effect: 'unknown' });
    delete made.metadata.onWrite;
    delete made.metadata.onGet;
    await made.clock.advance(30_000);
    expect((await fetch(made, {}, 'b')).acquired).toMatchObject([{ firstOffset: 0, lastOffset: 0 }]);
  });
});

function loseOnce({ metadata }: World, when: 'before' | 'after'): void {
  metadata.onWrite = async (proceed, writes) => {
    if (!writes.some(isShared)) return proceed();
    delete metadata.onWrite;
    if (when === 'after') await proceed();
    throw lost();
  };
}
