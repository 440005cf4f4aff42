import { expect, it } from 'vitest';
import { createErasure } from '../../../lib/broker/erasures/create-erasure.ts';
import { eraseLedger } from '../../../lib/broker/erasures/erase-ledger.ts';
import { ledgersOfErasure } from '../../../lib/broker/erasures/erasure-records.ts';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { Subject } from '../../../lib/log/erasure/erase.ts';
import type { ErasureLedger, ErasureSlot } from '../../../lib/log/erasure/erasure-ledger-item.ts';
import { partitionKey } from '../../../lib/log/merged/segment-item.ts';
import { lost, makeBroker, makeStores } from '../../support/broker.ts';
import { readRecords, recordOf, SUBJECT, without, write } from '../../support/erasing.ts';
import { mergePageByPage } from '../../support/merging.ts';

const subject: Subject = { kind: 'key', key: utf8(SUBJECT) };

it('leaves out no segment that another process is replacing when it goes on after others', async () => {
  const stores = makeStores();
  const { broker } = makeBroker({ stores });
  await createTopic(broker, { name: 't' });
  const topic = await broker.topics.get('t');
  const ledger = { topicId: topic.topicId, index: 0 };
  for (let page = 0; page < 9; page++) {
    await write({ broker }, 't', [recordOf(page === 3 ? SUBJECT : 'a', String(page))]);
    await broker.sealer.seal(ledger);
  }
  await mergePageByPage({ broker }, ledger);
  const before = await readRecords(stores, 't');
  const { erasure } = await createErasure(broker, { topics: { names: ['t'] }, subject });
  const [fixed] = await ledgersOfErasure(broker, erasure.id);
  const { slots, ...of } = fixed as ErasureLedger;
  const [slot] = slots as [ErasureSlot];

  const pk = partitionKey(topic.topicId, 0);
  const [first] = (await stores.metadata.query({ pk, limit: 1, consistency: 'strong' })).items;
  const eraser = makeBroker({ stores });
  let asked = 0;
  eraser.metadata.onQuery = async (proceed, query) => {
    if (query.pk !== pk || asked === 2) return proceed();
    if (asked++ === 0) await mergeSegments(broker, { topic, ledger, partition: 0 });
    // What the transaction deletes is not seen any more, and what it puts is not seen yet.
    const page = await proceed();
    const items = page.items.map((item) => (item.key.sk === first?.key.sk ? first : item));
    return { ...page, items };
  };
  expect(
    await eraseLedger(eraser.broker, { id: erasure.id, subject }, { ...of, slots: [{ ...slot, erasedTo: 1 }] }),
  ).toBe(true);
  expect(asked).toBe(2);
  expect(await readRecords(stores, 't')).toEqual(without(before, [3]));
});

it('counts what it has removed once, also where answers are lost', async () => {
  const stores = makeStores();
  const { broker, metadata } = makeBroker({ stores });
  await createTopic(broker, { name: 't' });
  const topic = await broker.topics.get('t');
  const ledger = { topicId: topic.topicId, index: 0 };
  for (const key of [SUBJECT, 'a', SUBJECT, SUBJECT]) {
    await write({ broker }, 't', [recordOf(key, key)]);
    await broker.sealer.seal(ledger);
  }
  await mergePageByPage({ broker }, ledger);
  const before = await readRecords(stores, 't');
  const { erasure } = await createErasure(broker, { topics: { names: ['t'] }, subject });
  let answers = 0;
  metadata.onWrite = async (proceed) => {
    const written = await proceed();
    if (answers++ % 2 === 0) throw lost();
    return written;
  };
  for (let attempt = 0; attempt < 3; attempt++) {
    const [of] = await ledgersOfErasure(broker, erasure.id);
    await eraseLedger(broker, { id: erasure.id, subject }, of as ErasureLedger);
  }
  expect(answers).toBeGreaterThan(4);
  expect(await readRecords(stores, 't')).toEqual(without(before, [0, 2, 3]));
  const [counted] = await ledgersOfErasure(broker, erasure.id);
  expect(counted).toMatchObject({ slots: [{ removed: 3, segments: 3 }] });
});
