import { describe, expect, it } from 'vitest';
import { type FetchPosition, fetchBatches, fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { makeBroker, type Process } from '../../support/broker.ts';
import { ALL, afterUncleanElection, type ReadingWorld, readingWorld } from '../../support/reading-world.ts';

interface Asked {
  position?: FetchPosition | number;
  partition?: number;
  waitMs?: number;
  maxBytes?: number;
  rack?: string;
}

async function read({ broker }: Process, { position = 0, partition = 0, ...asked }: Asked = {}) {
  const { records, ...fetched } = await fetchRecords(broker, {
    topic: 't',
    partition,
    position: typeof position === 'number' ? { at: 'offset', offset: position } : position,
    maxBytes: requestLimits.fetchBytesMax,
    maxRecords: requestLimits.fetchRecordsMax,
    minBytes: 1,
    waitMs: 0,
    ...asked,
  });
  return { values: records.map(({ value }) => utf8Text(value as Uint8Array) as string), ...fetched };
}

/** A process with nothing in memory. */
const newReader = ({ stores }: ReadingWorld) => makeBroker({ stores });

describe('what readers of a replicated partition see', () => {
  it('ends at the high watermark, and what lies between it and the end of the log is in range', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a', 'b'] });
    await world.append({ values: ['c'], holders: 0b001 });
    expect(await read(world)).toMatchObject({ values: ['a', 'b'], nextOffset: 2, highWatermark: 2 });
    for (const offset of [2, 3]) {
      expect(await read(world, { position: offset })).toMatchObject({
        values: [],
        nextOffset: offset,
        highWatermark: 2,
      });
    }
    await expect(read(world, { position: 4 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
  });

  it('is the same from a head in memory', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    await world.append({ values: ['b'], holders: 0b101 });
    await world.broker.heads.strong(world.ledger);
    world.metadata.forget();
    expect(await read(world)).toMatchObject({ values: ['a'], highWatermark: 1 });
    expect(world.metadata.calls).toEqual([]);
  });

  it('is what latest, positions before the end and times are of', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a', 'b'] });
    await world.append({ values: ['c'], holders: 0b001 });
    expect(await read(world, { position: { at: 'latest' } })).toMatchObject({ values: [], offset: 2 });
    expect(await read(world, { position: { at: 'before-end', records: 1 } })).toMatchObject({ values: ['b'] });
    expect(await read(world, { position: { at: 'timestamp', timestampMs: 1 } })).toMatchObject({ values: ['a', 'b'] });
    expect(await listOffsets(world.broker, { topic: 't', partition: 0, at: { at: 'latest' } })).toMatchObject({
      offset: 2,
    });
  });

  it('does not end between two commits of which only the second is covered by all', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'], holders: 0b011 });
    await world.append({ values: ['b'] });
    expect(await read(world)).toMatchObject({ values: [], highWatermark: 0 });
  });

  it('has its times found below the high watermark only', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'], holders: 0b001 });
    expect(
      await listOffsets(world.broker, { topic: 't', partition: 0, at: { at: 'timestamp', timestampMs: 1 } }),
    ).toMatchObject({ offset: null });
  });

  it('comes to who waits when the high watermark passes it, not when it is appended', async () => {
    const world = await readingWorld();
    const waiting = read(newReader(world), { waitMs: 20_000 });
    let answered = false;
    void waiting.then(() => {
      answered = true;
    });
    await world.clock.advance(100);
    await world.append({ values: ['a'], holders: 0b011 });
    await world.append({ values: ['b'], holders: ALL });
    await world.clock.advance(5_000);
    expect(answered).toBe(false);
    await world.raise(2, 1);
    await world.clock.advance(5_000);
    expect(answered).toBe(true);
    expect(await waiting).toMatchObject({ values: ['a', 'b'], nextOffset: 2, highWatermark: 2 });
  });

  it('comes at once to who waits in the process that learns of it', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'], holders: 0b001 });
    const waiting = read(world, { waitMs: 20_000 });
    await world.clock.advance(1);
    await world.raise(1, 1);
    await world.raise(2, 1);
    await world.broker.heads.strong(world.ledger);
    expect(await world.clock.until(waiting)).toBe(0);
    expect(await waiting).toMatchObject({ values: ['a'] });
  });

  it('carries the epoch in which it was appended, in its batches and by its time', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    await world.elect(0b110);
    await world.append({ values: ['b'], holders: 0b110 });
    const { batches } = await fetchBatches(newReader(world).broker, {
      topic: 't',
      partition: 0,
      position: { at: 'earliest' },
      maxBytes: requestLimits.fetchBytesMax,
      minBytes: 1,
      waitMs: 0,
    });
    const epochs = batches.flatMap((chunk) => [...batchHeaders(chunk)].map(({ leaderEpoch }) => leaderEpoch));
    expect(epochs).toEqual([0, 1]);
    const at = (ask: Parameters<typeof listOffsets>[1]['at']) =>
      listOffsets(world.broker, { topic: 't', partition: 0, at: ask });
    expect(await at({ at: 'earliest' })).toMatchObject({ offset: 0, leaderEpoch: 0 });
    expect(await at({ at: 'timestamp', timestampMs: 1 })).toMatchObject({ offset: 0, leaderEpoch: 0 });
    expect(await at({ at: 'latest' })).toMatchObject({ offset: 2, leaderEpoch: 1 });
  });
});

describe('the replicas that a read asks', () => {
  const asked = ({ replicas }: ReadingWorld) =>
    replicas.flatMap(({ calls }, id) => (calls.some((call) => call.startsWith('getRange')) ? [id] : []));

  it.each([
    ['a', 0],
    ['b', 1],
    ['c', 2],
    ['elsewhere', 0],
    [undefined, 0],
  ])('are those of the rack %s first', async (rack, replica) => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    expect(await read(world, { rack })).toMatchObject({ values: ['a'] });
    expect(asked(world)).toEqual([replica]);
  });

  it('are those in sync before a near one that is not', async () => {
    const world = await readingWorld();
    await world.shrinkTo(0b011);
    await world.append({ values: ['a'], holders: 0b011 });
    expect(await read(world, { rack: 'c' })).toMatchObject({ values: ['a'] });
    expect(asked(world)).toEqual([0]);
  });

  it.each(['down', 'read-only', 'hanging'] as const)('may have one that is %s', async (fault) => {
    for (const replica of [0, 1, 2]) {
      const world = await readingWorld();
      await world.append({ values: ['a'] });
      (world.replicas[replica] as ReadingWorld['replicas'][number]).fault = fault;
      const reading = read(world);
      const tookMs = await world.clock.until(reading);
      expect(await reading).toMatchObject({ values: ['a'] });
      expect(tookMs).toBe(fault === 'hanging' && replica === 0 ? replicationLimits.replicaReadPatienceMs : 0);
    }
  });

  it('may have lost the object, all but one', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'], holders: ALL, has: 0b100 });
    expect(await read(world)).toMatchObject({ values: ['a'] });
  });

  it('are not asked about inline objects', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'], inline: true, holders: ALL });
    for (const replica of world.replicas) replica.fault = 'down';
    expect(await read(newReader(world))).toMatchObject({ values: ['a'] });
  });

  it('give what lies before records that none of them can give now', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    await world.append({ values: ['b'], has: 0 });
    expect(await read(world)).toMatchObject({ values: ['a'], nextOffset: 1 });
    await expect(read(world, { position: 1 })).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
  });
});

describe('what an unclean election lost', () => {
  it('is passed over', async () => {
    const world = await afterUncleanElection();
    expect(await read(world)).toMatchObject({ values: ['a', 'd'], nextOffset: 4, highWatermark: 4 });
    expect(await read(world, { position: 2 })).toMatchObject({ values: ['d'], nextOffset: 4 });
  });

  it('may be all that a fetch finds: it answers with nothing, and where to go on', async () => {
    const world = await afterUncleanElection();
    expect(await read(world, { position: 1, maxBytes: 1 })).toMatchObject({ values: [], offset: 1, nextOffset: 2 });
    expect(await read(world, { position: 1, maxBytes: 1, waitMs: 20_000 })).toMatchObject({ nextOffset: 2 });
  });

  it('is never more than a consumer gets past, with records or without', async () => {
    const world = await afterUncleanElection();
    const found: string[] = [];
    let [position, steps] = [0, 0];
    for (; position < 4; steps++) {
      const { values, nextOffset } = await read(world, { position, maxBytes: 1 });
      expect(nextOffset).toBeGreaterThan(position);
      found.push(...values);
      position = nextOffset;
    }
    expect(found).toEqual(['a', 'd']);
    expect(steps).toBe(4);
  });

  it('is passed over by times too', async () => {
    const world = await afterUncleanElection();
    const at = { at: 'timestamp', timestampMs: 1 } as const;
    await world.apply([{ kind: 'update', key: headKey(world.ledger), changes: { set: { s0: 1 }, add: { v: 1 } } }]);
    expect(await listOffsets(world.broker, { topic: 't', partition: 0, at })).toMatchObject({
      offset: 3,
      leaderEpoch: 1,
    });
  });

  it('is there again when a replica comes back with it', async () => {
    const world = await afterUncleanElection();
    const reader = newReader(world);
    expect(await read(reader)).toMatchObject({ values: ['a', 'd'] });
    await world.comeBack();
    expect(await read(reader)).toMatchObject({ values: ['a', 'b', 'c', 'd'] });
  });

  it('is not passed over while a replica that may have it cannot be reached', async () => {
    const world = await afterUncleanElection();
    const [old] = world.replicas as [ReadingWorld['replicas'][number]];
    old.fault = 'down';
    expect(await read(world)).toMatchObject({ values: ['a'], nextOffset: 1 });
    await expect(read(world, { position: 1 })).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    expect(await read(world, { position: 3 })).toMatchObject({ values: ['d'] });
  });

  it('is passed over by a process that has not heard of the election', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    await world.shrinkTo(0b001);
    await world.append({ values: ['b'], holders: 0b001, has: 0 });
    await world.broker.heads.strong(world.ledger);
    await expect(read(world, { position: 1 })).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await world.elect(0b110);
    expect(await read(world, { position: 1 })).toMatchObject({ values: [], nextOffset: 2 });
  });

  it('does not hide that other objects are missing', async () => {
    const world = await afterUncleanElection();
    await world.append({ values: ['e'], holders: 0b010, has: 0 });
    expect(await read(world)).toMatchObject({ values: ['a', 'd'], nextOffset: 4 });
    await expect(read(world, { position: 4 })).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
  });
});
