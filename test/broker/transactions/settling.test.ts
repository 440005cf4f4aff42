/**
 * Lost answers whose commits the heads have forgotten by the time somebody looks: found in pages, and never done twice.
 */
import { describe, expect, test } from 'vitest';
import { type TransactRequest, transact } from '../../../lib/broker/transactions/transact.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { planSweepFence } from '../../../lib/log/ledger/append.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import type { WriteResult } from '../../../lib/storage/metadata/port.ts';
import { lost, makeBroker, makeStores, objectNames, throttled } from '../../support/broker.ts';
import { finished, makeTopics, recordCounts, to } from '../../support/transactions.ts';

type Proceed = () => Promise<WriteResult>;

async function world() {
  const stores = makeStores();
  const topics = await makeTopics({ stores });
  const [writer, other] = [makeBroker({ stores }), makeBroker({ stores })];
  const ledgers = [ledgerOf(topics.a, 0).ledger, ledgerOf(topics.b, 1).ledger];
  /** Another process appends to both ledgers and seals them, so often that the heads forget what they knew. */
  const forget = async () => {
    for (let times = 0; times <= ledgerLimits.sealsRemembered + 1; times++) {
      await transact(other.broker, { records: [to('a', 0, 'other'), to('b', 1, 'other')] });
      for (const ledger of ledgers) await other.broker.sealer.seal(ledger);
    }
  };
  /** What happens to the writer's atomic writes, one after the other; later ones pass. */
  const script = (...steps: ((proceed: Proceed) => Promise<WriteResult>)[]) => {
    let writes = 0;
    writer.metadata.onWrite = (proceed, list) => {
      if (list.length < 2) return proceed();
      return steps[writes++]?.(proceed) ?? proceed();
    };
    return { writes: () => writes };
  };
  /** Fails the writer's next read. */
  const failRead = () => {
    writer.metadata.onGet = () => {
      writer.metadata.onGet = undefined;
      throw lost();
    };
  };
  const write = (request: TransactRequest = { records: [to('a', 0, 'ours'), to('b', 1, 'ours')] }) =>
    finished(writer, transact(writer.broker, request));
  const counts = async () => [
    (await recordCounts(stores.metadata, topics.a))[0],
    (await recordCounts(stores.metadata, topics.b))[1],
  ];
  return { stores, writer, other, ledgers, forget, script, failRead, write, counts, ...topics };
}

const OTHERS = ledgerLimits.sealsRemembered + 2;

describe('an attempt whose answer was lost', () => {
  test('and that was applied is found in the pages', async () => {
    const { forget, script, write, counts } = await world();
    const { writes } = script(async (proceed) => {
      await proceed();
      await forget();
      throw lost();
    });
    const { records } = await write();
    expect(records.map(({ offset }) => offset)).toEqual([0, 0]);
    expect(await counts()).toEqual([1 + OTHERS, 1 + OTHERS]);
    expect(writes()).toBe(1);
  });

  test('and that comes late, after another attempt has come through and is forgotten, does not apply', async () => {
    const { forget, script, write, counts } = await world();
    let late: Proceed | undefined;
    script(async (proceed) => {
      late = proceed;
      throw lost();
    });
    const { records } = await write();
    expect(records.map(({ offset }) => offset)).toEqual([0, 0]);
    await forget();
    expect((await late?.())?.outcome).toBe('refused');
    expect(await counts()).toEqual([1 + OTHERS, 1 + OTHERS]);
  });

  test('and that comes between the look for it and the next attempt, is not done again', async () => {
    const { script, write, counts, writer } = await world();
    let late: Proceed | undefined;
    script(
      async (proceed) => {
        late = proceed;
        throw lost();
      },
      async (proceed) => {
        await late?.();
        return proceed();
      },
    );
    const { records } = await write();
    expect(records.map(({ offset }) => offset)).toEqual([0, 0]);
    expect(await counts()).toEqual([1, 1]);
    expect(writer.metadata.count('get head strong')).toBeGreaterThan(0);
  });

  test.each<[string, TransactRequest]>([
    ['of two ledgers', { records: [to('a', 0, 'ours'), to('b', 1, 'ours')] }],
    [
      'of one ledger',
      {
        records: [to('a', 0, 'ours')],
        offsets: { group: 'g', offsets: [{ topic: 'a', partition: 0, offset: 0 }] },
      },
    ],
  ])('%s and that comes between the two, and is forgotten before the next, is not done again', async (_, request) => {
    const { forget, script, write, counts } = await world();
    let late: Proceed | undefined;
    script(
      async (proceed) => {
        late = proceed;
        throw lost();
      },
      async (proceed) => {
        await late?.();
        await forget();
        return proceed();
      },
    );
    const { records } = await write(request);
    expect(records.map(({ offset }) => offset)).toEqual(request.records.map(() => 0));
    expect(await counts()).toEqual([1 + OTHERS, request.records.length - 1 + OTHERS]);
  });

  test('is looked for by the next refused one, where it could not be at once', async () => {
    const { forget, script, write, counts, failRead } = await world();
    script(async (proceed) => {
      await proceed();
      await forget();
      failRead();
      throw lost();
    });
    const { records } = await write();
    expect(records.map(({ offset }) => offset)).toEqual([0, 0]);
    expect(await counts()).toEqual([1 + OTHERS, 1 + OTHERS]);
  });

  test('is looked for by the next refused one, also where that met the fence of the sweeper', async () => {
    const { stores, forget, script, write, counts, failRead, ledgers } = await world();
    script(async (proceed) => {
      await proceed();
      await forget();
      for (const ledger of ledgers) {
        await stores.metadata.write([planSweepFence(ledger, stores.clock.now() + 1_000)]);
      }
      failRead();
      throw lost();
    });
    await write();
    expect(await counts()).toEqual([1 + OTHERS, 1 + OTHERS]);
  });

  test('leaves the outcome unknown where no other attempt is taken in time, and may still come', async () => {
    const { stores, writer, write, counts } = await world();
    let late: Proceed | undefined;
    writer.metadata.onWrite = async (proceed) => {
      if (late !== undefined) throw throttled();
      late = proceed;
      throw lost();
    };
    await expect(write()).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'unknown' });
    await late?.();
    expect(await counts()).toEqual([1, 1]);
    expect(stores.clock.sleeping).toBe(0);
  });

  test('and was not applied is followed by one that passes, however many seals there were', async () => {
    const { forget, script, write, counts } = await world();
    script(async () => {
      await forget();
      throw lost();
    });
    const { records } = await write();
    expect(records.map(({ offset }) => offset)).toEqual([OTHERS, OTHERS]);
    expect(await counts()).toEqual([1 + OTHERS, 1 + OTHERS]);
  });
});

describe('a transaction', () => {
  test('whose bytes the sweeper has given up is stored anew', async () => {
    const { stores, script, write, counts, ledgers, writer } = await world();
    const { writes } = script(async (proceed) => {
      await stores.metadata.write([planSweepFence(ledgers[1] as (typeof ledgers)[0], stores.clock.now() + 1_000)]);
      return proceed();
    });
    const { records } = await write();
    expect(records.map(({ offset }) => offset)).toEqual([0, 0]);
    expect(await counts()).toEqual([1, 1]);
    expect(writes()).toBe(2);
    expect(await objectNames(writer)).toHaveLength(2);
  });

  test('that was applied before the sweeper came is not stored anew', async () => {
    const { stores, script, write, counts, ledgers } = await world();
    const { writes } = script(async (proceed) => {
      await proceed();
      for (const ledger of ledgers) {
        await stores.metadata.write([planSweepFence(ledger, stores.clock.now() + 1_000)]);
      }
      throw lost();
    });
    await write();
    expect(await counts()).toEqual([1, 1]);
    expect(writes()).toBe(1);
  });

  test('that meets a new leader epoch in one of its ledgers goes on under it', async () => {
    const { stores, script, write, counts, ledgers } = await world();
    script(async (proceed) => {
      const key = { pk: `ledger#${ledgers[1]?.topicId}#${ledgers[1]?.index}`, sk: 'head' };
      await stores.metadata.write([{ kind: 'update', key, changes: { add: { v: 1, e: 1, i: 1 } } }]);
      return proceed();
    });
    await write();
    expect(await counts()).toEqual([1, 1]);
  });

  test('waits for room in a tail that is full, and seals it', async () => {
    const { stores, other, write, counts } = await world();
    other.broker.sealer.seal = async () => {};
    for (let times = 0; times < ledgerLimits.tailEntriesMax; times++) {
      await transact(other.broker, { records: [to('a', 0, 'other')] });
    }
    await write();
    expect(await counts()).toEqual([1 + ledgerLimits.tailEntriesMax, 1]);
    expect(stores.clock.sleeping).toBe(0);
  });

  test('that meets seals only, and no lost answer, needs no look for itself', async () => {
    const { forget, script, write, writer } = await world();
    await write();
    writer.metadata.forget();
    script(async (proceed) => {
      await forget();
      return proceed();
    });
    await write();
    expect(writer.metadata.count('get page')).toBe(0);
  });
});
