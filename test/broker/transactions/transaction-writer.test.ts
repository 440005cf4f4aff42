/**
 * A transactional producer of Kafka's protocol over several processes whose storage fails: it repeats what it is not
 * told the fate of, at another process, sends some requests twice, and has several in flight. What it committed must be
 * there once and in its order, and nothing else.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { produceInTransaction } from '../../../lib/broker/produce/produce-in-transaction.ts';
import { addGroupOffsets } from '../../../lib/broker/transactions/add-group-offsets.ts';
import { endTransaction } from '../../../lib/broker/transactions/end-transaction.ts';
import { enlistPartitions } from '../../../lib/broker/transactions/enlist-partitions.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { PRODUCER_EPOCH_MAX } from '../../../lib/coordination/producers/producer-id-item.ts';
import {
  decodeTransactional,
  type ProducerIdentity,
  planTransactional,
  transactionalKey,
} from '../../../lib/coordination/transactions/transactional-item.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { lost, makeBroker, makeStores, type Process, type Stores, throttled } from '../../support/broker.ts';
import { committedOffset, finished, makeTopics, recordCounts, valuesIn } from '../../support/transactions.ts';

const ID = 'id';
const PROCESSES = 2;
const ATTEMPTS_MAX = 40;
const FAULTS = ['throttled', 'lost before', 'lost after', 'late'] as const;
type Fault = (typeof FAULTS)[number];

/** Batches of one request each, by how many records they have, in the order of their sequences. */
interface Plan {
  batches: readonly { partition: number; records: number; twice: boolean }[];
  /** Whether they are all in flight before the first one is answered. */
  together: boolean;
  commits: boolean;
  /** Whether the client is one of KIP-890's second part, as it may have become since the last one. */
  isNewer: boolean;
}

const plans: fc.Arbitrary<Plan> = fc.record({
  batches: fc.array(fc.record({ partition: fc.nat(2), records: fc.integer({ min: 1, max: 3 }), twice: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  }),
  together: fc.boolean(),
  commits: fc.boolean(),
  isNewer: fc.boolean(),
});
const faultLists = fc.array(fc.option(fc.constantFrom(...FAULTS), { nil: undefined, freq: 2 }), { maxLength: 40 });

class World {
  readonly stores: Stores = makeStores();
  readonly processes: readonly Process[];
  readonly late: (() => Promise<unknown>)[] = [];
  #faults: (Fault | undefined)[] = [];
  #turn = 0;

  constructor() {
    this.processes = Array.from({ length: PROCESSES }, (_, seed) =>
      makeBroker({ stores: this.stores, random: seededRandom(seed) }),
    );
    const step = <T>(proceed: () => Promise<T>) => this.#step(proceed);
    for (const { metadata, objects } of this.processes) {
      metadata.onWrite = step;
      metadata.onGet = step;
      objects.onPut = step;
    }
  }

  meet(faults: readonly (Fault | undefined)[]): void {
    this.#faults = [...faults];
  }

  /** Asks the processes in turn until one of them says what has become of it. */
  async ask<T>(request: (process: Process) => Promise<T>): Promise<T> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        return await request(this.processes[this.#turn++ % PROCESSES] as Process);
      } catch (error) {
        const isAgain = error instanceof MillraceError && (error.retriable || error.effect === 'unknown');
        // Of requests in flight together one may come before the one that it follows, to another process.
        const isEarly = error instanceof MillraceError && error.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER';
        if (!isAgain && !isEarly) throw error;
        await this.stores.clock.sleep(10);
      }
    }
    throw new Error('it never came to an end');
  }

  async #step<T>(proceed: () => Promise<T>): Promise<T> {
    switch (this.#faults.shift()) {
      case undefined:
        return proceed();
      case 'throttled':
        throw throttled();
      case 'lost before':
        throw lost();
      case 'lost after':
        await proceed();
        throw lost();
      case 'late':
        this.late.push(proceed);
        throw lost();
    }
  }
}

class Producer {
  readonly #world: World;
  /** What it was told to go on as after each transaction. */
  readonly ends: { goesOn: ProducerIdentity; expected: ProducerIdentity }[] = [];
  #producer: ProducerIdentity;
  readonly #next = new Map<number, number>();
  #values = 0;

  constructor(world: World, producer: ProducerIdentity) {
    this.#world = world;
    this.#producer = producer;
  }

  /** One transaction, that is committed or aborted for certain. Returns what it wrote, by partition. */
  async run({ batches, together, commits, isNewer }: Plan, offset: number): Promise<Map<number, string[]>> {
    const open = { transactionalId: ID, producer: this.#producer };
    const partitions = batches.map(({ partition }) => ({ topic: 'a', partition }));
    if (!isNewer) await this.#world.ask(({ broker }) => enlistPartitions(broker, { ...open, partitions }));
    const written = new Map<number, string[]>();
    const sends = batches.map(({ partition, records, twice }) => {
      const values = Array.from({ length: records }, () => `value-${this.#values++}`);
      written.set(partition, [...(written.get(partition) ?? []), ...values]);
      const firstSequence = this.#next.get(partition) ?? 0;
      this.#next.set(partition, firstSequence + records);
      const send = () => this.#send(partition, values, { firstSequence, enlists: isNewer });
      return async () => void (await Promise.all(twice ? [send(), send()] : [send()]));
    });
    if (together) await Promise.all(sends.map((send) => send()));
    else for (const send of sends) await send();
    const offsets = { group: 'g', offsets: [{ topic: 'b', partition: 0, offset }] };
    await this.#world.ask(({ broker }) => addGroupOffsets(broker, { ...open, offsets, begin: isNewer }));
    const end = { ...open, as: commits ? ('commit' as const) : ('abort' as const), raises: isNewer };
    const goesOn = await this.#world.ask(({ broker }) => endTransaction(broker, end));
    this.ends.push({ goesOn, expected: isNewer ? after(open.producer) : open.producer });
    this.#producer = goesOn;
    if (isNewer) this.#next.clear();
    return written;
  }

  #send(
    partition: number,
    values: readonly string[],
    { firstSequence: baseSequence, enlists }: { firstSequence: number; enlists: boolean },
  ): Promise<void> {
    const { id, epoch } = this.#producer;
    const timestamp = this.#world.stores.clock.now();
    return this.#world.ask(({ broker }) => {
      const batches = encodeBatch(
        values.map((value) => ({ timestamp, key: null, value: utf8(value), headers: [] })),
        { producerId: BigInt(id), producerEpoch: epoch, baseSequence, transactional: true },
      );
      return produceInTransaction(broker, { transactionalId: ID, topic: 'a', partition, batches, enlists });
    });
  }
}

/** What a producer is called after an end that raises its epoch: of the first one's id there are only few left. */
function after({ id, epoch }: ProducerIdentity): ProducerIdentity {
  return epoch < PRODUCER_EPOCH_MAX - 1 ? { id, epoch: epoch + 1 } : { id: expect.any(Number), epoch: 0 };
}

/** As if the id had been initialized so often. */
async function age({ metadata }: Stores, epochs: number): Promise<void> {
  const state = decodeTransactional((await metadata.get(transactionalKey(ID), 'strong')) ?? {});
  await metadata.write([planTransactional(ID, { ...state, version: state.version + 1, epoch: state.epoch + epochs })]);
}

async function run(history: readonly { plan: Plan; faults: readonly (Fault | undefined)[] }[]) {
  const world = new World();
  const { stores } = world;
  const { a, b } = await makeTopics({ stores, ledgerPartitions: 2 });
  const [{ broker }] = world.processes as [Process];
  const init = async () => (await initializeTransactions(broker, { transactionalId: ID, timeoutMs: 900_000 })).producer;
  await init();
  await age(stores, PRODUCER_EPOCH_MAX - 3);
  const one = new Producer(world, await init());
  const expected: string[][] = a.partitions === 4 ? [[], [], [], []] : [];
  let committed: number | undefined;
  const work = async () => {
    for (const [index, { plan, faults }] of history.entries()) {
      world.meet(faults);
      const written = await one.run(plan, index);
      world.meet([]);
      // What was late comes now, when the next transaction may already have begun.
      for (const late of world.late.splice(0, world.late.length / 2)) await late().catch(() => undefined);
      if (!plan.commits) continue;
      committed = index;
      for (const [partition, values] of written) expected[partition]?.push(...values);
    }
    for (const late of world.late.splice(0)) await late().catch(() => undefined);
  };
  await finished(stores, work());
  const reader = makeBroker({ stores });
  const found = await Promise.all(expected.map((_values, partition) => valuesIn(reader, 'a', partition)));
  const counts = await recordCounts(stores.metadata, a);
  const offset = await committedOffset(stores.metadata, { group: 'g', topic: b, partition: 0 });
  return { expected, found, counts, committed, offset, ends: one.ends };
}

it('has what was committed once, whatever storage does and whoever is asked', async () => {
  const histories = fc.array(fc.record({ plan: plans, faults: faultLists }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const { expected, found, counts, committed, offset, ends } = await run(history);
      expect(ends.map(({ goesOn }) => goesOn)).toEqual(ends.map((end) => end.expected));
      expect(found).toEqual(expected);
      expect(counts).toEqual(expected.map(({ length }) => length));
      expect(offset).toBe(committed);
    }),
    { numRuns: 150 },
  );
});

it('writes what comes while a part is being stored into one part', async () => {
  const batches = Array.from({ length: 8 }, (_, at) => ({ partition: at % 3, records: 1, twice: false }));
  const world = new World();
  await makeTopics({ stores: world.stores, ledgerPartitions: 2 });
  const [{ broker, objects }] = world.processes as [Process];
  const { producer } = await initializeTransactions(broker, { transactionalId: ID });
  const open = { transactionalId: ID, producer };
  const partitions = [0, 1, 2].map((partition) => ({ topic: 'a', partition }));
  await enlistPartitions(broker, { ...open, partitions });
  objects.forget();
  const sends = batches.map(({ partition }, at) =>
    produceInTransaction(broker, {
      transactionalId: ID,
      topic: 'a',
      partition,
      enlists: false,
      batches: encodeBatch([{ timestamp: broker.clock.now(), key: null, value: utf8(`${at}`), headers: [] }], {
        producerId: BigInt(producer.id),
        producerEpoch: producer.epoch,
        baseSequence: Math.floor(at / 3),
        transactional: true,
      }),
    }),
  );
  await finished(world.stores, Promise.all(sends));
  expect(objects.count('put')).toBe(1);
  await finished(world.stores, endTransaction(broker, { ...open, as: 'commit', raises: false }));
  expect(await valuesIn({ broker }, 'a', 1)).toEqual(['1', '4', '7']);
});
