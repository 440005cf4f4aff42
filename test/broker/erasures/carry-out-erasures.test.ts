/** After an erasure no byte of its subject is stored anywhere, and all else is as it was. */
import { describe, expect, it } from 'vitest';
import { carryOutErasures } from '../../../lib/broker/erasures/carry-out-erasures.ts';
import { createErasure } from '../../../lib/broker/erasures/create-erasure.ts';
import { deleteErasure } from '../../../lib/broker/erasures/delete-erasure.ts';
import { describeErasure } from '../../../lib/broker/erasures/describe-erasure.ts';
import { retirePages } from '../../../lib/broker/lifecycle/retire-pages.ts';
import { sweepOnward } from '../../../lib/broker/sweep/sweep-onward.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { erasureLimits } from '../../../lib/kernel/limits/erasures.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import type { Subject } from '../../../lib/log/erasure/erase.ts';
import { isBundle } from '../../../lib/log/ledger/bundle.ts';
import { headOf, lost, makeBroker, makeStores, type Process, type Stores } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { readRecords, recordOf, SUBJECT, tracesOf, untilDone, without, write } from '../../support/erasing.ts';
import { mergeOnce } from '../../support/merging.ts';

const KEY: Subject = { kind: 'key', key: utf8(SUBJECT) };

async function world({ inlineBytesMax = 0 } = {}) {
  const stores = makeStores({ inlineBytesMax });
  const process = makeBroker({ stores });
  for (const name of ['t', 'other']) await createTopic(process.broker, { name, partitions: 2 });
  return { stores, process };
}

async function ledgerNamed({ broker }: Process, name: string) {
  return { topicId: (await broker.topics.get(name)).topicId, index: 0 };
}

async function seal({ broker }: Process, name: string): Promise<void> {
  await broker.sealer.seal(await ledgerNamed({ broker } as Process, name));
}

const of = (topic: string, subject: Subject = KEY) => ({ topics: { names: [topic] }, subject });

describe('an erasure', () => {
  it.each([0, 4096])(
    'leaves no trace in tail, pages, segments and shared objects, and all else as it was (inline up to %i)',
    async (inlineBytesMax) => {
      const { stores, process } = await world({ inlineBytesMax });
      // Merged before, compressed, in a page, and in the tail; some of it together with another topic.
      await write(process, 't', [recordOf('a', '1'), recordOf(SUBJECT, '2'), recordOf('b', '3')]);
      await write(process, 't', [recordOf(SUBJECT, '4'), recordOf('c', '5')], { compressionType: 'gzip' });
      await seal(process, 't');
      await mergeOnce(process, await ledgerNamed(process, 't'));
      await Promise.all([
        write(process, 't', [recordOf(SUBJECT, '6'.repeat(3_000))]),
        write(process, 'other', [recordOf('d', '7')]),
      ]);
      await seal(process, 't');
      await write(process, 't', [recordOf('e', '8'), recordOf(null, '9')], { partition: 1 });
      await write(process, 't', [recordOf(SUBJECT, '10')], { partition: 1, compressionType: 'zstd' });
      const before = [
        await readRecords(stores, 't'),
        await readRecords(stores, 't', 1),
        await readRecords(stores, 'other'),
      ];
      expect(await tracesOf(stores)).not.toEqual([]);

      const { erasure, partitions } = await createErasure(process.broker, of('t'));
      expect(partitions.map(({ partition, end }) => [partition, end])).toEqual([
        [0, 6],
        [1, 3],
      ]);
      await write(process, 't', [recordOf('f', '11')]);
      await untilDone(process);

      expect(await tracesOf(stores)).toEqual([]);
      const after = await readRecords(stores, 't');
      expect(without(after, [6])).toEqual(without(before[0] as Map<number, string>, [1, 3, 5]));
      expect(after.get(6)).toContain(Buffer.from('11').toString('hex'));
      expect(await readRecords(stores, 't', 1)).toEqual(without(before[1] as Map<number, string>, [2]));
      expect(await readRecords(stores, 'other')).toEqual(before[2]);
      const report = await describeErasure(makeBroker({ stores }).broker, erasure.id);
      expect(report).toMatchObject({ phase: 'done', problems: [], erasure: { match: { kind: 'key' } } });
      expect(report.erasure).not.toHaveProperty('subject');
      expect(report.erasure.objectsDeleted).toBeGreaterThan(3);
      expect(report.partitions).toMatchObject([
        { topic: 't', partition: 0, end: 6, erasedTo: 6, removed: 3 },
        { topic: 't', partition: 1, end: 3, erasedTo: 3, removed: 1 },
      ]);
      expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
    },
  );

  it('by header takes what has the value under the name, whatever the key, in all topics of a pattern', async () => {
    const { stores, process } = await world();
    for (const topic of ['t', 'other']) {
      await write(process, topic, [recordOf('a', '1', { user: SUBJECT }), recordOf('b', '2', { user: 'someone' })]);
    }
    const subject: Subject = { kind: 'header', name: 'user', value: utf8(SUBJECT) };
    const { erasure } = await createErasure(process.broker, { topics: { pattern: 't|oth.*' }, subject });
    await untilDone(process);
    expect(await tracesOf(stores)).toEqual([]);
    for (const topic of ['t', 'other']) expect([...(await readRecords(stores, topic)).keys()]).toEqual([1]);
    expect(await describeErasure(process.broker, erasure.id)).toMatchObject({
      phase: 'done',
      erasure: { match: { kind: 'header', name: 'user' } },
    });
  });

  it('says nothing of what is produced after it was asked for', async () => {
    const { stores, process } = await world();
    await write(process, 't', [recordOf(SUBJECT, '1')]);
    await createErasure(process.broker, of('t'));
    await write(process, 't', [recordOf(SUBJECT, '2')]);
    await untilDone(process);
    expect([...(await readRecords(stores, 't')).keys()]).toEqual([1]);
  });

  it('is not given to readers once it waits, and done only when others have had their grace', async () => {
    const { stores, process } = await world();
    await write(process, 't', [recordOf(SUBJECT, '1'), recordOf('a', '2')]);
    const { erasure } = await createErasure(process.broker, of('t'));
    expect((await describeErasure(process.broker, erasure.id)).phase).toBe('running');
    await carryOutErasures(process.broker);
    const waiting = await describeErasure(process.broker, erasure.id);
    expect(waiting.phase).toBe('waiting');
    expect(waiting.completeMs).toBeGreaterThan(stores.clock.now());
    expect([...(await readRecords(stores, 't')).keys()]).toEqual([1]);
    expect(await tracesOf(stores)).not.toEqual([]);
    await untilDone(process);
    expect(await tracesOf(stores)).toEqual([]);
    await deleteErasure(process.broker, erasure.id);
    await expect(describeErasure(process.broker, erasure.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('takes what other topics keep in an object of both, though its own pages are long gone', async () => {
    const { stores, process } = await world();
    for (const name of ['t', 'other']) await process.broker.topics.get(name);
    await Promise.all([write(process, 't', [recordOf(SUBJECT, '1')]), write(process, 'other', [recordOf('a', '2')])]);
    const before = await readRecords(stores, 'other');
    const ledger = await ledgerNamed(process, 't');
    for (let page = 0; page < 8; page++) {
      await write(process, 't', [recordOf('b', String(page))]);
      await seal(process, 't');
    }
    await mergeOnce(process, ledger);
    // The pages of `t` are retired; `other` still has the object in its tail.
    await stores.clock.advance(3 * 3_600_000);
    await retirePages(process.broker, ledger);
    expect((await headOf(stores.metadata, ledger)).retired).toBeGreaterThan(0);
    await createErasure(process.broker, of('t'));
    await untilDone(process);
    expect(await tracesOf(stores)).toEqual([]);
    expect(await readRecords(stores, 'other')).toEqual(before);
  });
});

/** A topic with the subject in a segment, a page and the tail. */
async function scattered(): Promise<{ stores: Stores; process: Process; before: Map<number, string> }> {
  const { stores, process } = await world();
  await write(process, 't', [recordOf(SUBJECT, '1'), recordOf('a', '2')]);
  await seal(process, 't');
  await mergeOnce(process, await ledgerNamed(process, 't'));
  await Promise.all([
    write(process, 't', [recordOf('b', '3'), recordOf(SUBJECT, '4')]),
    write(process, 'other', [recordOf('c', '5')]),
  ]);
  await seal(process, 't');
  await write(process, 't', [recordOf('d', '6'), recordOf(SUBJECT, '7')]);
  return { stores, process, before: await readRecords(stores, 't') };
}

describe('an erasure that meets others', () => {
  it.each(['rewriting', 'clearing'])('is complete wherever its %s is cut off', async (stage) => {
    for (let at = 0; ; at++) {
      const { stores, process, before } = await scattered();
      await createErasure(process.broker, of('t'));
      if (stage === 'clearing') {
        await carryOutErasures(process.broker);
        await stores.clock.advance(3 * mergingLimits.lifecycleGraceMs);
        await sweepOnward(process.broker);
      }
      const doomed = makeBroker({ stores });
      let calls = 0;
      const cut = async <T>(proceed: () => Promise<T>): Promise<T> => {
        if (calls++ < at) return proceed();
        // Every other one of those that are not answered takes effect all the same.
        if (calls === at + 1 && at % 2 === 1) await proceed();
        throw lost();
      };
      doomed.metadata.onWrite = cut;
      doomed.objects.onGetRange = cut;
      await Promise.allSettled([carryOutErasures(doomed.broker)]);
      await untilDone({ ...makeBroker({ stores }), clock: stores.clock });
      expect(await tracesOf(stores), `cut off at call ${at}`).toEqual([]);
      expect(await readRecords(stores, 't'), `cut off at call ${at}`).toEqual(without(before, [0, 3, 5]));
      if (calls <= at) return;
    }
  });

  it('is complete when asked for by a process that dies before it answers', async () => {
    const { stores, process, before } = await scattered();
    let writes = 0;
    process.metadata.onWrite = (proceed) => {
      if (writes++ > 0) throw lost();
      return proceed();
    };
    await expect(createErasure(process.broker, of('t'))).rejects.toMatchObject({ effect: 'unknown' });
    await untilDone({ ...makeBroker({ stores }), clock: stores.clock });
    expect(await tracesOf(stores)).toEqual([]);
    expect(await readRecords(stores, 't')).toEqual(without(before, [0, 3, 5]));
  });

  it('leaves nothing of what came before it was gone on with, after a process that died before it said how far', async () => {
    const { stores, process } = await scattered();
    let writes = 0;
    process.metadata.onWrite = (proceed) => {
      if (writes++ > 0) throw lost();
      return proceed();
    };
    await expect(createErasure(process.broker, of('t'))).rejects.toMatchObject({ effect: 'unknown' });
    const next = { ...makeBroker({ stores }), clock: stores.clock };
    await stores.clock.advance(erasureLimits.erasureSkewMs * 6);
    const before = await readRecords(stores, 't');
    await write(next, 't', [recordOf(SUBJECT, 'late')]);
    await untilDone(next);
    expect(await tracesOf(stores)).toEqual([]);
    expect(await readRecords(stores, 't')).toEqual(without(before, [0, 3, 5]));
  });

  it('is the same when two processes carry it out at once', async () => {
    const { stores, process, before } = await scattered();
    const { erasure } = await createErasure(process.broker, of('t'));
    const others = [makeBroker({ stores }), makeBroker({ stores })];
    await Promise.all(others.map(({ broker }) => carryOutErasures(broker)));
    await untilDone({ ...makeBroker({ stores }), clock: stores.clock });
    expect(await tracesOf(stores)).toEqual([]);
    expect(await readRecords(stores, 't')).toEqual(without(before, [0, 3, 5]));
    const { partitions } = await describeErasure(process.broker, erasure.id);
    expect(partitions[0]).toMatchObject({ removed: 3 });
  });

  it('loses nothing to a merge that read before it rewrote: that one is refused', async () => {
    const { stores, process, before } = await scattered();
    const late = makeBroker({ stores });
    const gate = Promise.withResolvers<void>();
    let held = false;
    late.metadata.onWrite = async (proceed, writes) => {
      if (writes.some(({ key }) => key.sk === 'lifecycle')) {
        held = true;
        await gate.promise;
      }
      return proceed();
    };
    const merging = mergeOnce(late, await ledgerNamed(process, 't'));
    await expect.poll(() => held).toBe(true);
    await createErasure(process.broker, of('t'));
    await carryOutErasures(process.broker);
    gate.resolve();
    expect(await merging).toMatchObject({ outcome: 'refused' });
    await untilDone(process);
    expect(await tracesOf(stores)).toEqual([]);
    expect(await readRecords(stores, 't')).toEqual(without(before, [0, 3, 5]));
  });
});

describe('what nobody has committed', () => {
  it('goes too: objects of flushes, and segments of merges, that were cut off after they were stored', async () => {
    const { stores, process, before } = await scattered();
    const doomed = makeBroker({ stores });
    doomed.metadata.onWrite = (proceed, writes) => {
      if (writes.some(({ key }) => key.sk === 'head')) throw lost();
      return proceed();
    };
    const merging = mergeOnce(doomed, await ledgerNamed(process, 't'));
    const writing = write(doomed, 't', [recordOf(SUBJECT, 'cut off')]).catch(() => undefined);
    await stores.clock.until(Promise.allSettled([merging, writing]));
    const stored = await tracesOf(stores);
    await createErasure(process.broker, of('t'));
    await untilDone(process);
    expect(stored.filter((name) => name.startsWith('merged/'))).toHaveLength(2);
    expect(await tracesOf(stores)).toEqual([]);
    expect(await readRecords(stores, 't')).toEqual(without(before, [0, 3, 5]));
  });

  it('goes with a topic that is deleted meanwhile', async () => {
    const { stores, process } = await scattered();
    const { erasure } = await createErasure(process.broker, of('t'));
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    await untilDone(process);
    expect(await tracesOf(stores)).toEqual([]);
    expect(await describeErasure(process.broker, erasure.id)).toMatchObject({ phase: 'done', problems: [] });
    expect([...(await readRecords(stores, 'other')).keys()]).toEqual([0]);
  });
});

describe('an erasure of transactions', () => {
  it('takes what was committed in many parts, and leaves what is committed later', async () => {
    const { stores, process } = await world();
    const { broker } = process;
    const begin = async (transactionalId: string, parts: number) => {
      const { epoch } = await initializeTransactions(broker, { transactionalId });
      const caller = { epoch, number: 0 };
      for (let part = 0; part < parts; part++) {
        const key = part % 2 === 0 ? SUBJECT : 'a';
        const records = [{ topic: 't', partition: 0, key: utf8(key), value: utf8(`${part}`), headers: [] }];
        const adding = addToTransaction(broker, { transactionalId, caller, part, records });
        await stores.clock.until(adding);
        await adding;
      }
      return async () => {
        const committing = commitTransaction(broker, { transactionalId, caller });
        await stores.clock.until(committing);
        await committing;
      };
    };
    // More than fit one append each by themselves.
    const parts = transactionLimits.commitsPerAppendMax + 3;
    await (await begin('before', parts))();
    expect((await headOf(stores.metadata, await ledgerNamed(process, 't'))).tail.some(isBundle)).toBe(true);
    const commitLater = await begin('after', 3);
    await createErasure(broker, of('t'));
    await commitLater();
    await untilDone(process);
    const odd = Array.from({ length: parts }, (_, at) => at).filter((at) => at % 2 === 1);
    expect([...(await readRecords(stores, 't')).keys()]).toEqual([...odd, parts, parts + 1, parts + 2]);
    const left = await tracesOf(stores);
    expect(left.every((name) => name.startsWith('merged/'))).toBe(true);
    await createErasure(broker, of('t'));
    await untilDone(process);
    expect(await tracesOf(stores)).toEqual([]);
  });
});

it('does nothing when it is told to stop, and goes on later', async () => {
  const { stores, process } = await scattered();
  await createErasure(process.broker, of('t'));
  const traces = await tracesOf(stores);
  await carryOutErasures(process.broker, { signal: AbortSignal.abort() });
  expect(await tracesOf(stores)).toEqual(traces);
  await untilDone(process);
  expect(await tracesOf(stores)).toEqual([]);
});

describe('an erasure that cannot be', () => {
  it.each([
    ['UNKNOWN_TOPIC_OR_PARTITION', { topics: { names: ['nowhere'] }, subject: KEY }],
    ['INVALID_REGULAR_EXPRESSION', { topics: { pattern: '(' }, subject: KEY }],
    ['INVALID_REQUEST', { topics: { names: ['t'] }, subject: { kind: 'key', key: new Uint8Array(70_000) } as const }],
  ])('is refused: %s', async (code, request) => {
    const { process } = await world();
    await expect(createErasure(process.broker, request)).rejects.toMatchObject({ code });
    expect(await carryOutErasures(process.broker)).toEqual({ erasures: 0, finished: 0, failed: 0 });
  });

  it('says what keeps it from its end, and goes on when that is over', async () => {
    const { stores, process, before } = await scattered();
    const name = (await tracesOf(stores)).find((one) => one.startsWith('merged/')) as string;
    const bytes = (await stores.objects.getRange(name)) as Uint8Array;
    await stores.objects.delete([name]);
    const { erasure } = await createErasure(process.broker, of('t'));
    await carryOutErasures(process.broker);
    const stuck = await describeErasure(process.broker, erasure.id);
    expect(stuck.phase).toBe('running');
    expect(stuck.problems).toEqual([expect.stringContaining(`Partition 0 of the topic "t": The object ${name}`)]);
    await stores.objects.put(name, [bytes]);
    await untilDone(process);
    expect(await describeErasure(process.broker, erasure.id)).toMatchObject({ phase: 'done', problems: [] });
    expect(await readRecords(stores, 't')).toEqual(without(before, [0, 3, 5]));
  });
});
