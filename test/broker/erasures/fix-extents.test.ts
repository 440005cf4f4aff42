import { expect, it } from 'vitest';
import { createErasure } from '../../../lib/broker/erasures/create-erasure.ts';
import { describeErasure } from '../../../lib/broker/erasures/describe-erasure.ts';
import { getErasure } from '../../../lib/broker/erasures/erasure-records.ts';
import { fixExtents } from '../../../lib/broker/erasures/fix-extents.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { makeBroker } from '../../support/broker.ts';
import { recordOf, SUBJECT, write } from '../../support/erasing.ts';

it('adds nothing to an erasure whose reach is fixed, as one who was late would with a topic that was made since', async () => {
  const process = makeBroker();
  const { broker } = process;
  await createTopic(broker, { name: 'there' });
  const { erasure } = await createErasure(broker, {
    topics: { pattern: '.*' },
    subject: { kind: 'key', key: utf8(SUBJECT) },
  });
  const fixed = await getErasure(broker, erasure.id);
  await createTopic(broker, { name: 'later' });
  await write(process, 'later', [recordOf(SUBJECT, '1')]);
  await fixExtents(broker, { ...fixed, version: fixed.version - 1 }, [await broker.topics.get('later')]);
  expect((await describeErasure(broker, fixed.id)).partitions.map(({ topic }) => topic)).toEqual(['there']);
});
