import { describe, expect, it, vi } from 'vitest';
import { idle } from '../../support/manual-clock.ts';
import { producerWorld, reasonOf, sendValues as send } from './producer-world.ts';

describe('receipts', () => {
  it('come one for each record, in order, with place and time', async () => {
    const { producer, settled, clock } = producerWorld();
    const sentMs = clock.now();
    const [first, second] = [send(producer, 'a', 'b'), send(producer, 'c')];
    expect(await settled(first)).toEqual([
      { topic: 'orders', partition: 0, offset: 0, timestamp: sentMs },
      { topic: 'orders', partition: 0, offset: 1, timestamp: sentMs },
    ]);
    expect(await settled(second)).toMatchObject([{ offset: 2 }]);
  });

  it('carry the time that a record was given', async () => {
    const { producer, settled } = producerWorld();
    const sent = producer.send({ topic: 'orders', records: [{ value: 'a', timestamp: 7 }] });
    expect(await settled(sent)).toMatchObject([{ timestamp: 7 }]);
  });

  it('have no time where the server stamps the records', async () => {
    const config = { 'message.timestamp.type': 'LogAppendTime' };
    const { producer, settled } = producerWorld({}, { topics: { orders: { partitions: 1, config } } });
    expect((await settled(send(producer, 'a')))[0]?.timestamp).toBeUndefined();
  });

  it('have no offset with acks none', async () => {
    const { producer, settled, fake } = producerWorld({ acks: 'none', idempotence: false });
    expect((await settled(send(producer, 'a')))[0]).toMatchObject({ partition: 0, offset: undefined });
    expect(fake.writes[0]?.query).toBe('?acks=none');
  });

  it('of no records are none', async () => {
    const { producer, fake } = producerWorld();
    expect(await producer.send({ topic: 'orders', records: [] })).toEqual([]);
    expect(fake.described).toEqual([]);
  });
});

describe('batching', () => {
  it('waits lingerMs for more', async () => {
    const { producer, clock, fake } = producerWorld({ lingerMs: 50 });
    void send(producer, 'a');
    await clock.advance(30);
    void send(producer, 'b');
    await clock.advance(19);
    expect(fake.writes).toEqual([]);
    await clock.advance(1);
    expect(fake.writes).toMatchObject([{ values: ['a', 'b'] }]);
  });

  it('without lingering still sends together what is sent at once', async () => {
    const { producer, fake, settled } = producerWorld({ lingerMs: 0 });
    await settled(send(producer, 'first'));
    await settled(Promise.all(['a', 'b', 'c'].map((value) => send(producer, value))));
    expect(fake.writes.map(({ values }) => values)).toEqual([['first'], ['a', 'b', 'c']]);
  });

  it('closes a batch at batchRecordsMax', async () => {
    const { producer, fake, settled } = producerWorld({ batchRecordsMax: 2 });
    await settled(Promise.all(['a', 'b', 'c'].map((value) => send(producer, value))));
    expect(fake.writes.map(({ values }) => values)).toEqual([['a', 'b'], ['c']]);
  });

  it('closes a batch before batchBytesMax, and lets a larger record go alone', async () => {
    const { producer, fake, settled } = producerWorld({ batchBytesMax: 1_000 });
    const sizes = [300, 300, 300, 2_000, 10];
    await settled(Promise.all(sizes.map((size) => send(producer, 'x'.repeat(size)))));
    expect(fake.writes.map(({ values }) => values.map(({ length }) => length))).toEqual([
      [300, 300],
      [300],
      [2_000],
      [10],
    ]);
  });

  it('lets a batch grow while the one before it is on its way', async () => {
    const { producer, clock, fake, settled } = producerWorld({ lingerMs: 0 }, { latencyMs: () => 100 });
    const all = [send(producer, 'a')];
    for (const value of ['b', 'c', 'd']) {
      await clock.advance(20);
      all.push(send(producer, value));
    }
    await settled(Promise.all(all));
    expect(fake.writes.map(({ values }) => values)).toEqual([['a'], ['b', 'c', 'd']]);
  });

  it('has one request in flight for a partition, and inFlightMax over all', async () => {
    const { producer, fake, settled } = producerWorld({ batchRecordsMax: 1, inFlightMax: 3 }, { latencyMs: () => 10 });
    const records = Array.from({ length: 24 }, (_, index) => ({ value: 'x', partition: index % 4 }));
    await settled(producer.send({ topic: 'wide', records }));
    expect(fake.inFlightMost).toBe(3);
    expect([...fake.overtaken]).toEqual([]);
  });
});

describe('flush', () => {
  it('sends without lingering, and resolves when all is settled', async () => {
    const { producer, clock, fake } = producerWorld({ lingerMs: 60_000 }, { latencyMs: () => 40 });
    const sent = send(producer, 'a');
    await clock.advance(10);
    const tookMs = await clock.until(producer.flush());
    expect(tookMs).toBe(40);
    expect(await sent).toMatchObject([{ offset: 0 }]);
    expect(fake.writes).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  it('resolves also where something failed, and at once where there is nothing', async () => {
    const { producer, settled } = producerWorld({}, { topics: {} });
    await producer.flush();
    const failed = reasonOf(send(producer, 'a'));
    await settled(producer.flush());
    expect(await failed).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
});

describe('close', () => {
  it('delivers what was sent, and takes nothing more', async () => {
    const { producer, settled, failure, clock } = producerWorld({ lingerMs: 60_000 });
    const sent = send(producer, 'a');
    await settled(producer.close());
    expect(await sent).toMatchObject([{ offset: 0 }]);
    expect(await failure(send(producer, 'b'))).toMatchObject({ code: 'PRODUCER_CLOSED', effect: 'none' });
    await producer.close();
    expect(clock.sleeping).toBe(0);
  });

  it('gives up after timeoutMs, saying what may have been written', async () => {
    const { producer, clock } = producerWorld({ batchRecordsMax: 1 }, { latencyMs: () => 1e9 });
    const [first, second] = [reasonOf(send(producer, 'a')), reasonOf(send(producer, 'b'))];
    await idle();
    const tookMs = await clock.until(producer.close({ timeoutMs: 500 }));
    expect(tookMs).toBe(500);
    expect(await first).toMatchObject({ code: 'PRODUCER_CLOSED', effect: 'unknown' });
    expect(await second).toMatchObject({ code: 'PRODUCER_CLOSED', effect: 'none' });
  });

  it('is what `await using` does', async () => {
    const { producer, clock } = producerWorld();
    const sent = send(producer, 'a');
    await clock.until(Promise.resolve(producer[Symbol.asyncDispose]()));
    expect(await sent).toMatchObject([{ offset: 0 }]);
  });
});

describe('the buffer', () => {
  const OPTIONS = { bufferBytesMax: 1_000, lingerMs: 0 };

  it('makes send wait for room, in the order of the calls', async () => {
    const { producer, fake, settled } = producerWorld(OPTIONS, { latencyMs: () => 10 });
    const values = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(200, '.'));
    const sends = values.map((value) => send(producer, value));
    expect((await settled(Promise.all(sends))).map(([receipt]) => receipt?.offset)).toEqual(
      values.map((_, index) => index),
    );
    expect(fake.log('orders', 0)).toEqual(values);
    expect(Math.max(...fake.writes.map((write) => write.values.length))).toBe(4);
  });

  it('refuses after waitMsMax what found no room', async () => {
    const { producer, clock } = producerWorld({ ...OPTIONS, waitMsMax: 700 }, { latencyMs: () => 5_000 });
    const first = send(producer, 'x'.repeat(900));
    const waiting = reasonOf(send(producer, 'y'.repeat(900)));
    expect(await clock.until(waiting)).toBe(700);
    expect(await waiting).toMatchObject({ code: 'BUFFER_FULL', retriable: true, effect: 'none' });
    await clock.until(first);
  });

  it('refuses at once where that is wanted', async () => {
    const { producer, failure, settled } = producerWorld({ ...OPTIONS, whenFull: 'reject' }, { latencyMs: () => 50 });
    const first = send(producer, 'x'.repeat(900));
    expect(await failure(send(producer, 'y'.repeat(900)))).toMatchObject({ code: 'BUFFER_FULL' });
    await settled(first);
    expect(await settled(send(producer, 'z'.repeat(900)))).toMatchObject([{ offset: 1 }]);
  });

  it('refuses what it can never hold', async () => {
    const { producer, failure } = producerWorld(OPTIONS);
    expect(await failure(send(producer, 'x'.repeat(2_000)))).toMatchObject({ code: 'BUFFER_FULL', retriable: false });
  });
});

describe('topics', () => {
  it('that are not there are refused, and looked for again by the next send', async () => {
    const topics: Record<string, { partitions: number }> = {};
    const { producer, fake, failure, settled } = producerWorld({}, { topics });
    expect(await failure(send(producer, 'a'))).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' });
    topics['orders'] = { partitions: 1 };
    expect(await settled(send(producer, 'b'))).toMatchObject([{ offset: 0 }]);
    expect(fake.described).toHaveLength(2);
  });

  it('are read once for all that waits, and again when what is known is old', async () => {
    const topics = { orders: { partitions: 1 } };
    const { producer, fake, settled, clock } = producerWorld(
      { partitioner: 'roundRobin', topicAgeMsMax: 1_000 },
      { topics },
    );
    await settled(Promise.all(['a', 'b'].map((value) => send(producer, value))));
    expect(fake.described).toHaveLength(1);
    topics.orders.partitions = 3;
    await clock.advance(2_000);
    for (let index = 0; index < 6; index++) await settled(send(producer, 'x'));
    expect(fake.described.length).toBeGreaterThan(1);
    expect(new Set(fake.writes.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
  });

  it('with a partition that one server does not know yet are tried again', async () => {
    const unknown = { status: 404, code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true };
    const { producer, settled } = producerWorld({}, { fault: (write) => (write < 2 ? unknown : undefined) });
    expect(await settled(send(producer, 'a'))).toMatchObject([{ offset: 0 }]);
  });

  it('without the partition that a record names refuse it', async () => {
    const { producer, failure } = producerWorld();
    const sent = producer.send({ topic: 'orders', records: [{ value: 'a', partition: 9 }] });
    expect(await failure(sent)).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
});

describe('onDelivery', () => {
  it('is told of every record, and then nobody needs to look at the call', async () => {
    const told: unknown[] = [];
    const { producer, settled } = producerWorld(
      { onDelivery: ({ record, receipt, error }) => told.push([record.value, receipt?.offset ?? error?.code]) },
      { topics: { orders: { partitions: 1 } } },
    );
    void send(producer, 'a');
    void producer.send({ topic: 'gone', records: [{ value: 'b' }] });
    await settled(producer.flush());
    expect(told).toEqual(
      expect.arrayContaining([
        ['a', 0],
        ['b', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ]),
    );
    expect(told).toHaveLength(2);
  });
});

it('delivers on where onDelivery throws, and throws it where it is seen', async () => {
  const thrown: unknown[] = [];
  const queue = globalThis.queueMicrotask;
  const top = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) =>
    queue(() => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    }),
  );
  try {
    const fault = new Error('a fault of the handler');
    const { producer, settled } = producerWorld({
      onDelivery: () => {
        throw fault;
      },
    });
    expect(await settled(send(producer, 'a', 'b'))).toMatchObject([{ offset: 0 }, { offset: 1 }]);
    expect(thrown).toEqual([fault, fault]);
  } finally {
    top.mockRestore();
  }
});

describe('what is no record', () => {
  const NONE: [string, unknown][] = [
    ['a partition that is no number', { topic: 'orders', records: [{ partition: -1 }] }],
    ['a time that is none', { topic: 'orders', records: [{ timestamp: 0.5 }] }],
    [
      'more headers than allowed',
      { topic: 'orders', records: [{ headers: Array.from({ length: 101 }, () => ({ key: 'a', value: null })) }] },
    ],
    ['a value that has no JSON', { topic: 'orders', records: [{ value: () => {} }] }],
    ['no array', { topic: 'orders', records: { value: 'a' } }],
    ['no topic', { records: [{ value: 'a' }] }],
  ];

  it.each(NONE)('is refused, with all of its call (%s)', async (_name, message) => {
    const { producer, fake, failure } = producerWorld();
    const error = await failure(producer.send(message as Parameters<typeof producer.send>[0]));
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
    await producer.close();
    expect(fake.writes).toEqual([]);
  });

  it('is a topic that no path can name', async () => {
    const { producer, failure } = producerWorld();
    expect(await failure(producer.send({ topic: '..', records: [{ value: 'a' }] }))).toMatchObject({
      code: 'INVALID_TOPIC',
    });
  });
});
