/** The check beside everything else: what it finds must not be what others have moved between two of its reads. */
import { describe, expect, test } from 'vitest';
import { maintain } from '../../../lib/broker/maintain.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { checkLimits } from '../../../lib/kernel/limits/check.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { makeBroker, makeStores, type Process, settled } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';

const produce = ({ broker }: Process, topic: string) => {
  const records = [0, 1, 2].map((partition) => ({ partition, key: null, value: utf8('x'), headers: [] }));
  return produceRecords(broker, { topic, records, acks: 'all' });
};

/** Without a second look, 6 of these histories make the check report what is not so. */
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed + 1);

describe('the consistency check beside writers', () => {
  test.each(SEEDS)('finds nothing that is not so (seed %i)', async (seed) => {
    const stores = makeStores({ inlineBytesMax: seed % 2 === 0 ? 4_096 : 0 });
    const [writer, checker] = [makeBroker({ stores }), makeBroker({ stores })];
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random.fraction() * limit);
    const topics: string[] = [];
    let made = 0;
    const make = async () => {
      const name = `t.${made++}`;
      await createTopic(writer.broker, { name, partitions: 3, config: { 'ledger.partitions': 2 } });
      topics.push(name);
    };
    const doSomething = async () => {
      const dice = below(30);
      const topic = topics[below(topics.length)];
      if (dice === 0 || topic === undefined) await make();
      else if (dice === 1) {
        topics.splice(topics.indexOf(topic), 1);
        await deleteTopic(writer.broker, topic);
      } else if (dice <= 4) await maintain(writer.broker);
      else await produce(writer, topic);
      await settled(writer.broker);
    };
    for (let n = 0; n < 5; n++) await make();
    for (let n = 0; n < 200; n++) await doSomething();
    // Deletions are finished meanwhile, and orphans swept.
    for (let hour = 0; hour < 25; hour++) {
      await stores.clock.advance(checkLimits.checkGraceMs / 24);
      await maintain(writer.broker);
    }
    let reads = 0;
    const meanwhile = async () => {
      if (below(4) === 0) await doSomething();
      reads++;
    };
    const { metadata, objects } = checker;
    metadata.onGet = (proceed) => meanwhile().then(proceed);
    const [query, getTail] = [metadata.query.bind(metadata), objects.getTail.bind(objects)];
    metadata.query = (asked) => meanwhile().then(() => query(asked));
    objects.getTail = (...asked) => meanwhile().then(() => getTail(...asked));
    const { findings } = await checkEverything(stores, { broker: checker.broker });
    expect(findings).toEqual([]);
    expect(reads).toBeGreaterThan(30);
  });
});
