/**
 * Several processes at once, with faults, seals and sweeps between them: each transaction has a value of its own, which
 * must be in all of its partitions once, or in none, and its offset must say the same.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Broker } from '../../../lib/broker/broker.ts';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { abortTransaction } from '../../../lib/broker/transactions/abort-transaction.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { type CommitRequest, commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import type { TransactionRecord } from '../../../lib/broker/transactions/prepare.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { ledgerOf, type Topic } from '../../../lib/log/topic/topic.ts';
import { lost, makeBroker, makeStores, type Process, type Stores, throttled } from '../../support/broker.ts';
import { makeReplicatedStores } from '../../support/replicas.ts';
import { committedOffset, finished, makeTopics, recordCounts, to, valuesIn } from '../../support/transactions.ts';

const PARTITIONS = 2;
const PROCESSES = 3;

type Plan = {
  process: number;
  kind: 'plain' | 'numbered' | 'in parts' | 'in many parts';
  faults: readonly (Fault | undefined)[];
  before: Between;
};
const FAULTS = ['throttled', 'lost before', 'lost after', 'late'] as const;
type Fault = (typeof FAULTS)[number];
const BETWEEN = ['nothing', 'wait', 'seal'] as const;
type Between = (typeof BETWEEN)[number] | 'sweep';

const plans: fc.Arbitrary<Plan> = fc.record({
  process: fc.nat(PROCESSES - 1),
  kind: fc.constantFrom('plain', 'plain', 'numbered', 'in parts', 'in many parts'),
  faults: fc.array(
    fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(...FAULTS) }),
    { maxLength: 12 },
  ),
  // A sweep fences off whatever is late, so that it must be rare for anything late to be left.
  before: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...BETWEEN) },
    { weight: 1, arbitrary: fc.constant('sweep' as const) },
  ),
});

type End = 'committed' | 'none' | 'unknown';

class World {
  readonly stores: Stores;
  readonly late: (() => Promise<unknown>)[] = [];
  readonly faults: (readonly (Fault | undefined)[])[] = [];
  readonly processes: Process[];
  private readonly calls = Array<number>(PROCESSES).fill(0);

  constructor(seed: number, replicas: number) {
    this.stores = replicas === 1 ? makeStores() : makeReplicatedStores();
    this.processes = Array.from({ length: PROCESSES }, (_, index) =>
      makeBroker({ stores: this.stores, random: seededRandom(seed + index) }),
    );
    for (const [index, { metadata, objects }] of this.processes.entries()) {
      const step = <T>(proceed: () => Promise<T>) => this.step(index, proceed);
      metadata.onWrite = step;
      metadata.onGet = (proceed, { sk }) => (sk === 'head' ? step(proceed) : proceed());
      objects.onPut = step;
    }
  }

  /** The next writes of the process, and its reads of heads, meet these. */
  meet(process: number, faults: readonly (Fault | undefined)[]): void {
    this.faults[process] = [...(this.faults[process] ?? []), ...faults];
  }

  private async step<T>(process: number, proceed: () => Promise<T>): Promise<T> {
    const call = this.calls[process] as number;
    this.calls[process] = call + 1;
    switch (this.faults[process]?.[call]) {
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

async function run(seed: number, history: readonly Plan[], replicas: number) {
  const world = new World(seed, replicas);
  const { stores, processes } = world;
  const { a, b } = await makeTopics({ stores, partitions: PARTITIONS, replicationFactor: replicas });
  const works = history.map(async (plan, index): Promise<End> => {
    const process = processes[plan.process] as Process;
    await between(world, process, plan.before, [a, b]);
    world.meet(plan.process, plan.faults);
    const other = processes[(plan.process + 1) % PROCESSES] as Process;
    return work(process, other, { kind: plan.kind, index }).then(
      () => 'committed' as const,
      (error: unknown) => {
        if (!(error instanceof MillraceError)) throw error;
        return error.effect;
      },
    );
  });
  const ends = await finished(stores, Promise.all(works));
  for (const late of world.late) await late().catch(() => undefined);
  const reader = makeBroker({ stores });
  const inA = await valuesIn(reader, 'a', 0);
  const inB = await valuesIn(reader, 'b', 1);
  // What is there twice under one commit id is read once, so that the ledgers are asked, too.
  const held = [(await recordCounts(stores.metadata, a))[0], (await recordCounts(stores.metadata, b))[1]];
  const verdicts = held[0] === inA.length && held[1] === inB.length ? [] : [`${held.join(' and ')} records are held`];
  for (const [index, end] of ends.entries()) {
    const value = `value-${index}`;
    const counts = [inA, inB].map((values) => values.filter((one) => one === value).length);
    const offset = await committedOffset(stores.metadata, { group: `group-${index}`, topic: a, partition: 0 });
    counts.push(offset === index ? 1 : 0);
    const fate = counts.join(' ');
    const allowed = { committed: ['1 1 1'], none: ['0 0 0'], unknown: ['1 1 1', '0 0 0'] }[end];
    const fillers = inA.filter((one) => one === `filler-${index}`).length;
    const many = history[index]?.kind === 'in many parts' ? transactionLimits.commitsPerAppendMax : 0;
    if (fillers !== many * (counts[0] ?? 0)) verdicts.push(`${value} has ${fillers} others`);
    if (!allowed.includes(fate)) verdicts.push(`${value} is ${end} and there ${fate} times`);
  }
  return { verdicts, ends };
}

async function work(
  { broker }: Process,
  other: Process,
  { kind, index }: { kind: Plan['kind']; index: number },
): Promise<unknown> {
  const records = [to('a', 0, `value-${index}`), to('b', 1, `value-${index}`)];
  const offsets = { group: `group-${index}`, offsets: [{ topic: 'a', partition: 0, offset: index }] };
  const transactionalId = `id-${index}`;
  switch (kind) {
    case 'plain':
      return transact(broker, { records, offsets });
    case 'numbered':
      return transact(broker, { transactionalId, caller: { epoch: 0, number: 0 }, records, offsets });
    case 'in parts': {
      const { epoch } = await initializeTransactions(broker, { transactionalId });
      const caller = { epoch, number: 0 };
      await notYet(
        addToTransaction(broker, { transactionalId, caller, part: 0, records: records.slice(0, 1), offsets }),
      );
      await notYet(addToTransaction(broker, { transactionalId, caller, part: 1, records: records.slice(1) }));
      return commitOrAbort(broker, { transactionalId, caller });
    }
    case 'in many parts': {
      const { epoch } = await initializeTransactions(broker, { transactionalId });
      const caller = { epoch, number: 0 };
      const [first, last] = records as [TransactionRecord, TransactionRecord];
      // A bundle for one ledger, and a commit by itself for the other.
      const fillers = Array.from({ length: transactionLimits.commitsPerAppendMax }, () =>
        to('a', 0, `filler-${index}`),
      );
      for (const [part, record] of [first, ...fillers, last].entries()) {
        const own = part === 0 ? { offsets } : {};
        await notYet(addToTransaction(broker, { transactionalId, caller, part, records: [record], ...own }));
      }
      return commitByTwo([broker, other.broker], { transactionalId, caller });
    }
  }
}

async function commitOrAbort(broker: Broker, request: CommitRequest): Promise<unknown> {
  try {
    return await commitTransaction(broker, request);
  } catch (error) {
    await abortTransaction(broker, request).catch(() => undefined);
    throw error;
  }
}

/** Committed if either says so; what becomes of it is unknown if either does not know. */
async function commitByTwo(brokers: readonly Broker[], request: CommitRequest): Promise<void> {
  const ends = await Promise.allSettled(brokers.map((broker) => commitTransaction(broker, request)));
  const faults = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  const bug = faults.find((fault) => !(fault instanceof MillraceError));
  if (bug !== undefined) throw bug;
  if (faults.length < ends.length) return;
  await abortTransaction(brokers[0] as Broker, request).catch(() => undefined);
  throw faults.find((fault) => fault instanceof MillraceError && fault.effect === 'unknown') ?? faults[0];
}

/** Adding commits nothing, whatever becomes of it. */
async function notYet(adding: Promise<unknown>): Promise<void> {
  try {
    await adding;
  } catch (error) {
    throw error instanceof MillraceError ? new MillraceError(error.code, error.message) : error;
  }
}

async function between(
  { stores, processes }: World,
  { broker, clock }: Process,
  what: Between,
  topics: readonly Topic[],
): Promise<void> {
  const other = processes[PROCESSES - 1] as Process;
  switch (what) {
    case 'nothing':
      return;
    case 'wait':
      return clock.sleep(30);
    case 'seal':
      for (const [partition, topic] of topics.entries())
        await other.broker.sealer.seal(ledgerOf(topic, partition).ledger);
      return;
    case 'sweep': {
      await clock.sleep(1);
      const nowMs = stores.clock.now();
      await sweep(broker, { fromMs: nowMs - 60_000, toMs: nowMs, orphanAgeMs: 0 }).catch(() => undefined);
    }
  }
}

describe('transactions of several processes', () => {
  test.each([1, 3])('are all there once or not at all, as their callers were told (replicas: %d)', async (replicas) => {
    const ends = new Map<End, number>();
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(plans, { minLength: 1, maxLength: 12 }), async (seed, history) => {
        const result = await run(seed, history, replicas);
        for (const end of result.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
        expect(result.verdicts).toEqual([]);
      }),
      { numRuns: 300 },
    );
    // The faults are such that most get through, and some do not.
    expect(ends.get('committed') ?? 0).toBeGreaterThan(100);
    expect(ends.get('none') ?? 0).toBeGreaterThan(0);
  });
});
