import { expect, it } from 'vitest';
import { offsetForEpoch } from '../../../lib/broker/fetch/offset-for-epoch.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { batchOf, makeTopic } from '../../support/broker.ts';
import { afterUncleanElection } from '../../support/reading-world.ts';

it('ends the only epoch of a log without replicas where the log ends', async () => {
  const { broker } = await makeTopic();
  await produceBatches(broker, { topic: 't', partition: 0, batches: batchOf('a', 'b'), acks: 'all' });
  const ask = (epoch: number) => offsetForEpoch(broker, { topic: 't', partition: 0, epoch });
  expect(await ask(0)).toEqual({ currentEpoch: 0, end: { epoch: 0, offset: 2 } });
  expect([await ask(1), await ask(-1)]).toEqual([{ currentEpoch: 0 }, { currentEpoch: 0 }]);
});

it('ends an epoch where the next leader began', async () => {
  const world = await afterUncleanElection();
  await world.shrinkTo(0b010);
  const ask = (epoch: number) => offsetForEpoch(world.broker, { topic: 't', partition: 0, epoch });
  const { currentEpoch } = await ask(0);
  expect(currentEpoch).toBeGreaterThan(0);
  const [first, last, beyond] = [await ask(0), await ask(currentEpoch), await ask(currentEpoch + 1)];
  expect(last.end).toEqual({ epoch: currentEpoch, offset: 4 });
  expect(first.end?.offset).toBe(3);
  expect(beyond.end).toBeUndefined();
});
