/** What becomes of batches that are not written at once. */
import { describe, expect, it } from 'vitest';
import type { MillraceClientError } from '../../../lib/client/errors.ts';
import { SendError } from '../../../lib/client/producer/record.ts';
import { THROTTLED, UNAVAILABLE } from '../../support/fake-records-api.ts';
import { producerWorld, reasonOf, sendValues as send } from './producer-world.ts';

describe('sending again', () => {
  it('follows what the answers say: retriable and no effect, and Retry-After', async () => {
    const faults = [UNAVAILABLE, THROTTLED];
    const { producer, clock, fake } = producerWorld({ lingerMs: 0 }, { fault: (write) => faults[write] });
    const tookMs = await clock.until(send(producer, 'a'));
    expect(tookMs).toBeGreaterThanOrEqual(3_000);
    expect(tookMs).toBeLessThan(4_000);
    expect(fake.log('orders', 0)).toEqual(['a']);
    expect(fake.writes.map(({ sequence }) => sequence)).toEqual([0, 0, 0]);
  });

  it.each(['lost-answer', 'gateway', 'lost-request'] as const)('writes once whatever happened (%s)', async (fault) => {
    const { producer, fake, settled } = producerWorld({}, { fault: (write) => (write < 2 ? fault : undefined) });
    expect(await settled(send(producer, 'a', 'b'))).toMatchObject([{ offset: 0 }, { offset: 1 }]);
    expect(await settled(send(producer, 'c'))).toMatchObject([{ offset: 2 }]);
    expect(fake.log('orders', 0)).toEqual(['a', 'b', 'c']);
  });

  it('does not without idempotence where it may have been written', async () => {
    const { producer, fake, failure, settled } = producerWorld(
      { idempotence: false },
      { fault: (write) => (write === 0 ? 'lost-answer' : undefined) },
    );
    expect(await failure(send(producer, 'a'))).toMatchObject({ code: 'NETWORK_ERROR', effect: 'unknown' });
    await settled(send(producer, 'b'));
    expect(fake.log('orders', 0)).toEqual(['a', 'b']);
    expect(fake.writes.every(({ producerId }) => producerId === -1n)).toBe(true);
  });

  it('ends after deliveryTimeoutMs, with the last reason', async () => {
    const { producer, clock } = producerWorld({ deliveryTimeoutMs: 5_000, lingerMs: 0 }, { fault: () => UNAVAILABLE });
    const failed = reasonOf(send(producer, 'a'));
    expect(await clock.until(failed)).toBe(5_000);
    const error = (await failed) as MillraceClientError;
    expect(error).toMatchObject({ code: 'DELIVERY_TIMEOUT', effect: 'none', cause: { code: 'KAFKA_STORAGE_ERROR' } });
    expect(error.message).toContain('KAFKA_STORAGE_ERROR happened');
  });

  it('ends at once where no repetition helps', async () => {
    const forbidden = { status: 403, code: 'FORBIDDEN', retriable: false };
    const { producer, fake, failure } = producerWorld({}, { fault: () => forbidden });
    expect(await failure(send(producer, 'a'))).toMatchObject({ code: 'FORBIDDEN', effect: 'none' });
    expect(fake.writes).toHaveLength(1);
  });
});

describe('a batch that was given up and may have been written', () => {
  it('is followed by a new epoch, in which it cannot arrive any more', async () => {
    const { producer, fake, failure, settled, clock } = producerWorld(
      { deliveryTimeoutMs: 1_000, lingerMs: 0 },
      { fault: (_write, { values }) => (values[0] === 'late' ? { lateMs: 60_000 } : undefined) },
    );
    await settled(send(producer, 'first'));
    expect(await failure(send(producer, 'late'))).toMatchObject({ code: 'DELIVERY_TIMEOUT', effect: 'unknown' });
    await settled(send(producer, 'next'));
    await clock.advance(120_000);
    expect(fake.log('orders', 0)).toEqual(['first', 'next']);
    const { epoch, sequence } = fake.writes.at(-1) ?? {};
    expect([epoch, sequence]).toEqual([1, 0]);
  });

  it('makes the other partitions wait until theirs are settled in the old epoch', async () => {
    const { producer, fake, settled, clock } = producerWorld(
      { deliveryTimeoutMs: 20_000, lingerMs: 0 },
      {
        fault: (write, { values }) =>
          values[0] === 'lost' ? 'lost-request' : write % 3 === 0 ? UNAVAILABLE : undefined,
        latencyMs: () => 40,
      },
    );
    const write = (value: string, partition: number) =>
      producer.send({ topic: 'wide', records: [{ value, partition }] });
    const lost = reasonOf(write('lost', 0));
    const others: Promise<unknown>[] = [];
    for (let step = 0; step < 40; step++) {
      await clock.advance(1_000);
      for (const partition of [1, 2, 3]) others.push(write(`${step}`, partition));
    }
    await settled(Promise.all(others));
    expect(await lost).toMatchObject({ code: 'DELIVERY_TIMEOUT', effect: 'unknown' });
    const steps = Array.from({ length: 40 }, (_, step) => `${step}`);
    for (const partition of [1, 2, 3]) expect(fake.log('wide', partition)).toEqual(steps);
    // No partition is still in the old epoch when the first is in the new one, and some wrote in each.
    const epochs = fake.writes.map(({ epoch }) => epoch);
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
    expect(new Set(epochs)).toEqual(new Set([0, 1]));
  });
});

describe('a server that has forgotten the producer', () => {
  it('gets a batch that was never tried before in a new epoch, from sequence 0', async () => {
    const outOfOrder = { status: 409, code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', retriable: false };
    const { producer, fake, settled } = producerWorld({}, { fault: (write) => (write === 1 ? outOfOrder : undefined) });
    await settled(send(producer, 'a'));
    expect(await settled(send(producer, 'b'))).toMatchObject([{ offset: 1 }]);
    expect(fake.writes.map(({ epoch, sequence }) => [epoch, sequence])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
    ]);
  });

  it('does not get one that it may have written before it forgot', async () => {
    const outOfOrder = { status: 409, code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', retriable: false };
    const faults = ['lost-answer', outOfOrder] as const;
    const { producer, fake, settled, failure } = producerWorld({}, { fault: (write) => faults[write] });
    expect(await failure(send(producer, 'a'))).toMatchObject({
      code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      effect: 'unknown',
    });
    await settled(send(producer, 'b'));
    expect(fake.log('orders', 0)).toEqual(['a', 'b']);
    expect(fake.writes.at(-1)).toMatchObject({ epoch: 1, sequence: 0 });
  });

  it('that has forgotten only where a batch is leaves its receipts without offsets', async () => {
    const duplicate = { status: 409, code: 'DUPLICATE_SEQUENCE_NUMBER', retriable: false };
    const faults = ['lost-answer', duplicate] as const;
    const { producer, settled } = producerWorld({}, { fault: (write) => faults[write] });
    expect((await settled(send(producer, 'a')))[0]).toMatchObject({ partition: 0, offset: undefined });
    expect(await settled(send(producer, 'b'))).toMatchObject([{ offset: 1 }]);
  });
});

describe('a producer whose id was taken over', () => {
  it.each([
    { status: 403, code: 'INVALID_PRODUCER_EPOCH', retriable: false },
    { status: 409, code: 'DUPLICATE_SEQUENCE_NUMBER', retriable: false },
  ])('fails with $code, with all that waits, for good', async (fault) => {
    const { producer, fake, failure, settled } = producerWorld({ batchRecordsMax: 1 }, { fault: () => fault });
    const failures = [reasonOf(send(producer, 'a')), reasonOf(send(producer, 'b'))];
    for (const error of await settled(Promise.all(failures)))
      expect(error).toMatchObject({ code: fault.code, effect: 'none' });
    expect(await failure(send(producer, 'c'))).toMatchObject({ code: fault.code });
    expect(fake.writes).toHaveLength(1);
    await producer.close();
  });
});

it('begins with another id after the last epoch', async () => {
  const outOfOrder = { status: 409, code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', retriable: false };
  const { producer, fake, settled } = producerWorld(
    {},
    { firstEpoch: 0x7fff, fault: (write) => (write === 0 ? outOfOrder : undefined) },
  );
  await settled(send(producer, 'a'));
  expect(fake.writes.map(({ producerId }) => producerId)).toEqual([1n, 2n]);
});

it('fails what it is sent while it cannot get an id', async () => {
  const { producer, failure, fake } = producerWorld({}, { noIds: true });
  expect(await failure(send(producer, 'a'))).toMatchObject({ code: 'UNEXPECTED_ANSWER', effect: 'none' });
  expect(fake.writes).toEqual([]);
});

describe('one bad record', () => {
  it('that no request can hold is refused alone', async () => {
    const { producer, fake, failure } = producerWorld();
    const error = await failure(send(producer, 'a', 'x'.repeat(4 * 1024 * 1024), 'b'));
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE', retriable: false, effect: 'unknown' });
    expect((error as SendError).results).toMatchObject([
      { offset: 0 },
      { error: { code: 'MESSAGE_TOO_LARGE', effect: 'none' } },
      { offset: 1 },
    ]);
    expect(fake.log('orders', 0)).toEqual(['a', 'b']);
  });

  it.each(['MESSAGE_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP'])(
    'for which the server refuses a batch is found, and the others are written in order (%s)',
    async (code) => {
      const bad = { status: 422, code, retriable: false };
      const { producer, fake, settled } = producerWorld(
        {},
        { fault: (_write, { values }) => (values.includes('bad') ? bad : undefined) },
      );
      const values = ['a', 'b', 'c', 'bad', 'd', 'e', 'f'];
      const outcomes = await settled(Promise.allSettled(values.map((value) => send(producer, value))));
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(values.map((value) => value !== 'bad'));
      expect(outcomes[3]).toMatchObject({ reason: { code, effect: 'none' } });
      expect(fake.log('orders', 0)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    },
  );
});
