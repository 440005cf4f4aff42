/** `fetch.min.bytes`: a poll of an instance waits for so many bytes, and no longer than it may. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createInstance } from '../../../lib/broker/instances/create-instance.ts';
import { pollInstance } from '../../../lib/broker/instances/poll-instance.ts';
import { readInstance } from '../../../lib/broker/instances/store.ts';
import { assignInstance, subscribeInstance } from '../../../lib/broker/instances/subscribe-instance.ts';
import type { Process } from '../../support/broker.ts';
import { GROUP, groupWorld, produce } from '../../support/group-consumers.ts';
import { idle } from '../../support/manual-clock.ts';

const ID = { group: GROUP, name: 'one' };
const LARGE = 'x'.repeat(5_000);

let process: Process;

beforeEach(async () => {
  [process] = (await groupWorld({ partitions: 20 })).processes;
});

async function create(minBytes: number, how: 'subscribed' | 'assigned'): Promise<void> {
  const settings = { format: 'text', reset: 'earliest', autoCommit: true, minBytes } as const;
  await createInstance(process.broker, { ...ID, settings });
  if (how === 'subscribed') {
    await subscribeInstance(process.broker, ID, { names: ['t'] });
    await poll(0);
  } else {
    // Of two ledgers.
    const partitions = [0, 17].map((partition) => ({ topic: 't', partition }));
    await assignInstance(process.broker, ID, partitions);
  }
}

/** How many records it delivers, or why none. */
async function poll(waitMs: number, maxBytes = 100_000, signal?: AbortSignal): Promise<number | string> {
  const instance = await readInstance(process.broker, ID);
  const result = await pollInstance(
    process.broker,
    { id: ID, instance },
    {
      waitMs,
      maxRecords: 100,
      maxBytes,
      ...(signal !== undefined && { signal }),
      authorize: () => {},
      take: (partitions) => ({
        nextOffsets: partitions.map(({ nextOffset }) => nextOffset),
        answer: partitions.reduce((sum, { records }) => sum + records.length, 0),
      }),
    },
  );
  return result.outcome === 'delivered' ? result.answer : result.outcome;
}

describe.each(['subscribed', 'assigned'] as const)('an instance that is %s and wants many bytes', (how) => {
  it('waits until all of its partitions together have as many', async () => {
    await create(8_000, how);
    let answer: number | string | undefined;
    const waiting = poll(20_000).then((count) => (answer = count));
    await produce(process, 0, LARGE);
    await process.clock.advance(5_000);
    await idle();
    expect(answer).toBeUndefined();
    await produce(process, 17, LARGE);
    await process.clock.advance(1_000);
    expect(await waiting).toBe(2);
    expect(process.clock.sleeping).toBe(0);
  });

  it('is answered with fewer when the wait is over', async () => {
    await create(8_000, how);
    await produce(process, 0, 'a', 'b');
    const waiting = poll(10_000);
    await process.clock.advance(10_000);
    expect(await waiting).toBe(2);
    expect(process.clock.sleeping).toBe(0);
  });

  it('passes over nothing where the client is gone before it is answered', async () => {
    await create(8_000, how);
    await produce(process, 0, 'a', 'b');
    const gone = new AbortController();
    const waiting = poll(10_000, 100_000, gone.signal);
    await process.clock.advance(1_000);
    gone.abort();
    await process.clock.advance(100);
    expect(await waiting).toBe('undelivered');
    expect(await poll(0)).toBe(2);
  });

  it('waits for no more than it takes, and not where it may not wait', async () => {
    await create(8_000, how);
    await produce(process, 0, LARGE);
    expect(await poll(20_000, 4_000)).toBe(1);
    await produce(process, 0, 'a');
    expect(await poll(0)).toBe(1);
  });
});
