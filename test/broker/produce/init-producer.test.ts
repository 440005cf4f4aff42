import { describe, expect, it } from 'vitest';
import { initProducer } from '../../../lib/broker/produce/init-producer.ts';
import {
  decodeProducerId,
  encodeProducerId,
  PRODUCER_EPOCH_MAX,
  producerIdKey,
} from '../../../lib/coordination/producers/producer-id-item.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { lost, makeBroker, makeStores, throttled } from '../../support/broker.ts';

describe('producer ids', () => {
  it('are handed out once each, by several processes, a block of the table at a time', async () => {
    const stores = makeStores();
    const processes = [makeBroker({ stores }), makeBroker({ stores })];
    const ids = await Promise.all(
      Array.from({ length: 30 }, (_, i) => initProducer(processes[i % 2]?.broker as never, { principal: 'a' })),
    );
    expect(new Set(ids.map(({ producerId }) => producerId)).size).toBe(30);
    expect(ids.every(({ epoch }) => epoch === 0)).toBe(true);
    expect(Math.max(...ids.map(({ producerId }) => producerId))).toBeLessThan(2 * producerLimits.producerIdBlock);
    for (const { metadata } of processes) expect(metadata.count('write ids')).toBe(1);
  });

  it('go on where a block ends', async () => {
    const { broker } = makeBroker();
    const seen = new Set<number>();
    for (let i = 0; i <= producerLimits.producerIdBlock; i++) seen.add(await broker.producerIds.next());
    expect(seen.size).toBe(producerLimits.producerIdBlock + 1);
  });

  it('are handed out after a failure of storage too, and no id is given twice for a lost answer', async () => {
    const { broker, metadata } = makeBroker();
    metadata.onWrite = () => Promise.reject(throttled());
    await expect(initProducer(broker, { principal: 'a' })).rejects.toMatchObject({ effect: 'none', retriable: true });
    let writes = 0;
    metadata.onWrite = async (proceed) => {
      const result = await proceed();
      if (writes++ < 2) throw lost();
      return result;
    };
    const { producerId } = await initProducer(broker, { principal: 'a' });
    metadata.onWrite = undefined;
    expect(producerId).toBeGreaterThanOrEqual(producerLimits.producerIdBlock); // the block of the lost answer is nobody's
    expect((await initProducer(broker, { principal: 'a' })).producerId).toBe(producerId + 1);
  });
});

describe('the next epoch of a producer id', () => {
  it('is one more each time, however many ask at once', async () => {
    const stores = makeStores();
    const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
    const { producerId } = await initProducer(one.broker, { principal: 'a' });
    const next = await Promise.all(
      Array.from({ length: 6 }, (_, i) => initProducer((i % 2 ? one : two).broker, { principal: 'a', producerId })),
    );
    expect(next.map(({ epoch }) => epoch).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(next.every((one_) => one_.producerId === producerId)).toBe(true);
  });

  it('is for the principal that has the id, and there is none of an id that nobody has', async () => {
    const { broker } = makeBroker();
    const { producerId } = await initProducer(broker, { principal: 'a' });
    for (const request of [
      { principal: 'b', producerId },
      { principal: '', producerId },
      { principal: 'a', producerId: 1e9 },
    ]) {
      await expect(initProducer(broker, request)).rejects.toMatchObject({
        code: 'INVALID_PRODUCER_ID_MAPPING',
        effect: 'none',
      });
    }
  });

  it('is another id where epochs end', async () => {
    const { broker, metadata } = makeBroker();
    const { producerId } = await initProducer(broker, { principal: 'a' });
    const epoch = PRODUCER_EPOCH_MAX - 1;
    const attributes = encodeProducerId({ principal: 'a', epoch });
    await metadata.write([{ kind: 'put', key: producerIdKey(producerId), attributes }]);
    const next = await initProducer(broker, { principal: 'a', producerId });
    expect(next).toEqual({ producerId: producerId + 1, epoch: 0 });
  });

  it('may leave one out where an answer was lost', async () => {
    const { broker, metadata } = makeBroker();
    const { producerId } = await initProducer(broker, { principal: 'a' });
    let writes = 0;
    metadata.onWrite = async (proceed) => {
      const result = await proceed();
      if (writes++ === 0) throw lost();
      return result;
    };
    expect(await initProducer(broker, { principal: 'a', producerId })).toEqual({ producerId, epoch: 2 });
    const item = await metadata.get(producerIdKey(producerId), 'strong');
    expect(item && decodeProducerId(item)).toEqual({ principal: 'a', epoch: 2 });
  });
});
