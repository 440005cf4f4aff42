import { describe, expect, it } from 'vitest';
import { type PlannedSegment, planFetch } from '../../../lib/broker/fetch/plan-fetch.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { afterUncleanElection, type ReadingWorld, readingWorld } from '../../support/reading-world.ts';

const plan = ({ broker }: ReadingWorld, offset = 0, { rack, maxBytes = requestLimits.fetchBytesMax }: Asked = {}) =>
  planFetch(broker, { topic: 't', partition: 0, offset, maxBytes, rack });

interface Asked {
  rack?: string;
  maxBytes?: number;
}

/** The replica whose URL it is, or that the bytes came along. */
const from = (segment: PlannedSegment) =>
  segment.source === 'bytes' ? 'bytes' : Number(/^http:\/\/replica-(\d)\//.exec(segment.url)?.[1]);

describe('a plan for a replicated partition', () => {
  it('is of a replica in sync, a near one first', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    expect((await plan(world)).segments.map(from)).toEqual([0]);
    expect((await plan(world, 0, { rack: 'b' })).segments.map(from)).toEqual([1]);
    await world.shrinkTo(0b110);
    expect((await plan(world, 0, { rack: 'a' })).segments.map(from)).toEqual([1]);
    expect((await plan(world, 0, { rack: 'c' })).segments.map(from)).toEqual([2]);
  });

  it('is of none that has failed', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    const { health } = world.stores.objects.replicas as NonNullable<typeof world.stores.objects.replicas>;
    for (let failures = 0; failures < replicationLimits.replicaFailuresMin; failures++) {
      const fault = new MillraceError('KAFKA_STORAGE_ERROR', 'no answer');
      await health.watch(0, () => Promise.reject(fault)).catch(() => {});
      await world.clock.advance(replicationLimits.replicaFailingMsMin / 2);
    }
    expect((await plan(world, 0, { rack: 'a' })).segments.map(from)).toEqual([1]);
  });

  it('ends at the high watermark, up to the end of the log in range', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    await world.append({ values: ['b'], holders: 0b001 });
    expect(await plan(world)).toMatchObject({ segments: [{ baseOffset: 0, lastOffset: 0 }], nextOffset: 1 });
    for (const offset of [1, 2]) {
      expect(await plan(world, offset)).toEqual({ segments: [], nextOffset: offset, expiresAtMs: null });
    }
    await expect(plan(world, 3)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
  });

  it('passes over what an unclean election lost', async () => {
    const world = await afterUncleanElection();
    const { segments, nextOffset } = await plan(world);
    expect(segments.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset])).toEqual([
      [0, 0],
      [3, 3],
    ]);
    expect(nextOffset).toBe(4);
    expect(await plan(world, 1, { maxBytes: 1 })).toEqual({ segments: [], nextOffset: 2, expiresAtMs: null });
  });

  it('brings along what might have been lost and is found', async () => {
    const world = await afterUncleanElection();
    await world.comeBack();
    const { segments } = await plan(world);
    expect(segments.map(from)).toEqual([1, 'bytes', 'bytes', 1]);
    const [, found] = segments as [PlannedSegment, PlannedSegment & { source: 'bytes' }];
    expect([...batchHeaders(found.batches)].map(({ baseOffset, leaderEpoch }) => [baseOffset, leaderEpoch])).toEqual([
      [1, 0],
    ]);
  });

  it('is not made while nobody knows whether records are lost', async () => {
    const world = await afterUncleanElection();
    for (const replica of world.replicas.slice(0, 1)) replica.fault = 'down';
    await expect(plan(world, 1)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    expect(await plan(world, 3)).toMatchObject({ nextOffset: 4 });
  });
});
