import type { DynamoDBRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { appearedIn, isForMerging, takeUpAll } from '../../lambdas/support/maintenance-event.ts';
import { createErasure } from '../../lib/broker/erasures/create-erasure.ts';
import { describeErasure } from '../../lib/broker/erasures/describe-erasure.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../lib/broker/topics/delete-topic.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import type { ItemKey } from '../../lib/kernel/items.ts';
import { erasureKey } from '../../lib/log/erasure/erasure-item.ts';
import { deletedTopicKey } from '../../lib/log/topic/deleted-topic-item.ts';
import { makeBroker, makeStores, throttled } from '../support/broker.ts';
import { readRecords, recordOf, SUBJECT, write } from '../support/erasing.ts';
import { finished } from '../support/transactions.ts';

it('is for merging alone where it says so, and for all of it otherwise', () => {
  expect(isForMerging({ only: 'merging' })).toBe(true);
  for (const event of [{}, { only: 'everything' }, 'merging', null, undefined]) expect(isForMerging(event)).toBe(false);
});

function recordFor({ pk, sk }: ItemKey, SequenceNumber: string): DynamoDBRecord {
  return { eventName: 'MODIFY', dynamodb: { SequenceNumber, Keys: { pk: { S: pk }, sk: { S: sk } } } };
}

const signal = new AbortController().signal;
const left = (...sequenceNumbers: string[]) => ({
  batchItemFailures: sequenceNumbers.map((itemIdentifier) => ({ itemIdentifier })),
});

/**
 * A process, and erasures from the topics `t` and `u`, each of which has one record of the subject and one of another.
 */
async function erasuresAskedFor() {
  const stores = makeStores();
  const process = makeBroker({ stores });
  const asked: string[] = [];
  for (const name of ['t', 'u']) {
    await createTopic(process.broker, { name });
    await write(process, name, [recordOf(SUBJECT, '1'), recordOf('a', '2')]);
    const request = { topics: { names: [name] }, subject: { kind: 'key', key: utf8(SUBJECT) } } as const;
    asked.push((await createErasure(process.broker, request)).erasure.id);
  }
  const [first, second] = asked as [string, string];
  const phases = async () => Promise.all(asked.map(async (id) => (await describeErasure(process.broker, id)).phase));
  return { stores, process, first, second, phases };
}

describe('what the stream tells of', () => {
  it('is erasures and deleted topics; a schedule tells of nothing', () => {
    const Records = [
      recordFor(erasureKey('e'), '1'),
      recordFor({ pk: 'ledger#x#0', sk: 'head' }, '2'),
      recordFor(deletedTopicKey('t'), '3'),
    ];
    expect(appearedIn({ Records })).toEqual([
      { sequenceNumber: '1', appeared: { kind: 'erasure', id: 'e' } },
      { sequenceNumber: '3', appeared: { kind: 'deleted topic', id: 't' } },
    ]);
    for (const event of [{}, { only: 'merging' }, null]) expect(appearedIn(event)).toBeUndefined();
  });

  it('is done at once, and nothing else is', async () => {
    const { stores, process, first, phases } = await erasuresAskedFor();
    const records = appearedIn({ Records: [recordFor(erasureKey(first), '1')] }) ?? [];
    expect(await takeUpAll(process.broker, records, signal)).toEqual(left());
    expect(await phases()).toEqual(['waiting', 'running']);
    expect([...(await readRecords(stores, 't')).keys()]).toEqual([1]);
    expect([...(await readRecords(stores, 'u')).keys()]).toEqual([0, 1]);
  });

  it('comes again where the time is over before it, and where storage fails; what was done is done', async () => {
    const { process, first, second, phases } = await erasuresAskedFor();
    const Records = [recordFor(erasureKey(first), '1'), recordFor(erasureKey(second), '2')];
    const records = appearedIn({ Records }) ?? [];
    expect(await takeUpAll(process.broker, records, AbortSignal.abort())).toEqual(left('1', '2'));
    process.metadata.onGet = (proceed, key) => (key.sk === first ? Promise.reject(throttled()) : proceed());
    expect(await takeUpAll(process.broker, records, signal)).toEqual(left('1'));
    process.metadata.onGet = undefined;
    expect(await phases()).toEqual(['running', 'waiting']);
    expect(await takeUpAll(process.broker, records, signal)).toEqual(left());
    expect(await phases()).toEqual(['waiting', 'waiting']);
  });

  it('does not come again where it is gone, waits, or is kept from its end', async () => {
    const { stores, process, first, second } = await erasuresAskedFor();
    const Records = [recordFor(erasureKey('0'.repeat(20)), '0'), recordFor(erasureKey(first), '1')];
    const [segment] = (await stores.objects.list('segments/')).objects;
    await stores.objects.delete([segment?.name ?? '']);
    Records.push(recordFor(erasureKey(second), '2'));
    const records = appearedIn({ Records }) ?? [];
    const blocked = await finished(process, takeUpAll(process.broker, records, signal));
    expect(blocked).toEqual(left());
    const problems = await Promise.all(
      [first, second].map(async (id) => (await describeErasure(process.broker, id)).problems),
    );
    expect(problems.flat()).toHaveLength(1);
  });

  it('empties a deleted topic, from which its deletion was cut off', async () => {
    const { stores, process } = await erasuresAskedFor();
    const { topicId } = await process.broker.topics.get('t');
    // Who deletes it may not delete objects, as the function for topics may not.
    process.objects.delete = () => Promise.reject(throttled());
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    const count = async () => (await stores.objects.list('segments/')).objects.length;
    expect(await count()).toBe(2);
    const { broker } = makeBroker({ stores });
    const records = appearedIn({ Records: [recordFor(deletedTopicKey(topicId), '1')] }) ?? [];
    expect(await takeUpAll(broker, records, AbortSignal.abort())).toEqual(left('1'));
    expect(await takeUpAll(broker, records, signal)).toEqual(left());
    expect(await count()).toBe(1);
  });
});
