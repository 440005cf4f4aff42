/**
 * All or nothing, whatever happens between any two steps: every storage call of a transaction, one after the other and
 * then several at random, meets every fault there is. An attempt whose answer was lost may also be carried out much
 * later.
 */
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type TransactRequest, transact } from '../../../lib/broker/transactions/transact.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { lost, makeBroker, makeStores, throttled } from '../../support/broker.ts';
import { committedOffset, finished, makeTopics, recordCounts, to } from '../../support/transactions.ts';

const FAULTS = ['throttled', 'lost before', 'lost after', 'late', 'late and after more', 'crash'] as const;
type Fault = (typeof FAULTS)[number];

const RECORDS = [to('a', 0, 'x'), to('b', 1, 'y'), to('a', 2, 'z')];
const OFFSETS = { group: 'g', offsets: [{ topic: 'a', partition: 3, offset: 9 }] };
const PLAIN: TransactRequest = { records: RECORDS, offsets: OFFSETS };
const NUMBERED: TransactRequest = { ...PLAIN, transactionalId: 'id', caller: { epoch: 0, number: 0 } };
const SHAPES = [
  ['records and offsets', PLAIN],
  ['records and offsets of a transactional id', NUMBERED],
  ['records and offsets of a transactional id without number', { ...PLAIN, transactionalId: 'id' }],
  ['offsets of a transactional id', { ...NUMBERED, records: [] }],
] as const;

/** Runs one transaction whose storage calls meet these faults, by the number of the call. */
async function attempt(request: TransactRequest, faults: ReadonlyMap<number, Fault>) {
  const stores = makeStores();
  const { a, b } = await makeTopics({ stores });
  const { broker, metadata, objects, clock, logged } = makeBroker({ stores, random: seededRandom(5) });
  const late: (() => Promise<unknown>)[] = [];
  let calls = 0;
  const step = async <T>(proceed: () => Promise<T>): Promise<T> => {
    const fault = faults.get(calls++);
    switch (fault) {
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
        late.push(proceed);
        throw lost();
      case 'late and after more':
        late.push(proceed);
        await clock.sleep(storageLimits.metadataCallMsMax);
        throw lost();
      case 'crash':
        return new Promise<T>(() => {});
    }
  };
  metadata.onGet = step;
  metadata.onWrite = step;
  objects.onPut = step;
  const outcome = transact(broker, request).then(
    ({ records }) => ({ is: 'committed' as const, records }),
    (error: unknown) => {
      if (!(error instanceof MillraceError)) throw error;
      return { is: error.effect, records: [] };
    },
  );
  const crashed = [...faults.values()].includes('crash');
  const ended = crashed ? await settledWithin(clock, outcome) : await finished({ clock }, outcome);
  const state = async () => ({
    a: await recordCounts(stores.metadata, a),
    b: await recordCounts(stores.metadata, b),
    offset: await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 3 }),
  });
  const before = await state();
  for (const proceed of late) await proceed().catch(() => {});
  return { ended, before, after: await state(), calls, logged };
}

async function settledWithin(clock: { advance(ms: number): Promise<void> }, outcome: Promise<{ is: string }>) {
  let ended: { is: string } = { is: 'crashed' };
  void outcome.then((value) => {
    ended = value;
  });
  await clock.advance(2 * produceLimits.produceDeadlineMs);
  return ended;
}

/** What is wrong with a transaction's end; nothing is, where it says so. */
function verdict({ records }: TransactRequest, { ended, before, after, logged }: Awaited<ReturnType<typeof attempt>>) {
  const one = records.length > 0 ? 1 : 0;
  const all = { a: [one, 0, one, 0], b: [0, one, 0, 0], offset: 9 };
  const none = { a: [0, 0, 0, 0], b: [0, 0, 0, 0], offset: undefined };
  const [first, last] = [before, after].map((state) =>
    isDeepStrictEqual(state, all) ? 'all' : isDeepStrictEqual(state, none) ? 'none' : 'torn',
  );
  if (logged.length > 0) return 'logged a fault';
  if (first === 'torn' || last === 'torn' || (first === 'all' && last === 'none')) return `${first}, then ${last}`;
  const [mayBe, mayBecome] = EXPECTED[ended.is as keyof typeof EXPECTED];
  return mayBe.includes(first ?? '') && mayBecome.includes(last ?? '') ? 'fine' : `${ended.is}, and there is ${last}`;
}

/** What is there when the caller is told so, and after everything late has come. */
const EXPECTED: Record<'committed' | 'none' | 'unknown' | 'crashed', [string[], string[]]> = {
  committed: [['all'], ['all']],
  none: [['none'], ['none']],
  unknown: [
    ['all', 'none'],
    ['all', 'none'],
  ],
  crashed: [
    ['all', 'none'],
    ['all', 'none'],
  ],
};

describe.each(SHAPES)('a transaction of %s', (_, request) => {
  test('is committed where nothing happens', async () => {
    const result = await attempt(request, new Map());
    expect(result.ended.is).toBe('committed');
    expect(verdict(request, result)).toBe('fine');
  });

  test.each(FAULTS)('is all or nothing where one call is met by: %s', async (fault) => {
    const { calls } = await attempt(request, new Map());
    expect(calls).toBeGreaterThan(2);
    const ends = new Set<string>();
    for (let call = 0; call < calls; call++) {
      const result = await attempt(request, new Map([[call, fault]]));
      expect(verdict(request, result)).toBe('fine');
      ends.add(result.ended.is);
    }
    // Nobody is left in doubt because of a call that was never carried out.
    expect(fault === 'throttled' && ends.has('unknown')).toBe(false);
  });

  test('is all or nothing where many calls are', async () => {
    const faults = fc.array(fc.tuple(fc.nat(30), fc.constantFrom(...FAULTS.slice(0, -1))), { maxLength: 8 });
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(faults, async (met) => {
        expect(verdict(request, await attempt(request, new Map(met)))).toBe('fine');
      }),
      { numRuns: 200 },
    );
  });

  test('is unknown or nothing where storage answers no write any more', async () => {
    const all = new Map(Array.from({ length: 400 }, (_, call) => [call, 'lost before' as const]));
    const result = await attempt(request, all);
    expect(verdict(request, result)).toBe('fine');
    expect(result.ended.is).not.toBe('committed');
  });
});

describe('a repeated number', () => {
  test('finds out what became of the first attempt, wherever that was interrupted', async () => {
    for (const fault of FAULTS) {
      for (let call = 0; call < 12; call++) {
        const stores = makeStores();
        const { a } = await makeTopics({ stores });
        const first = makeBroker({ stores });
        let calls = 0;
        const step = async <T>(proceed: () => Promise<T>): Promise<T> => {
          if (calls++ < call) return proceed();
          if (fault === 'lost after') await proceed();
          throw lost();
        };
        Object.assign(first.metadata, { onGet: step, onWrite: step });
        first.objects.onPut = step;
        const outcome = transact(first.broker, NUMBERED).then(
          () => 'committed',
          () => 'failed',
        );
        await finished(first, outcome);
        const second = makeBroker({ stores });
        const { records } = await finished(second, transact(second.broker, NUMBERED));
        expect(records.map(({ offset }) => offset)).toEqual([0, 0, 0]);
        expect(await recordCounts(stores.metadata, a)).toEqual([1, 0, 1, 0]);
      }
    }
  });
});
