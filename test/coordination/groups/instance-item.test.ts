import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ConsumerInstance,
  decodeInstance,
  encodeInstance,
  INSTANCE_FORMATS,
  INSTANCE_RESETS,
  instanceKey,
  planInstance,
  planInstanceRemoval,
} from '../../../lib/coordination/groups/instance-item.ts';
import { topicIdOf } from '../../support/group-arbitraries.ts';
import { ItemTable } from '../../support/item-table.ts';

const text = fc.string({ maxLength: 12 });
const nat = fc.maxSafeNat();

const position = fc.record(
  { topic: text, topicId: fc.nat(20).map(topicIdOf), partition: nat, offset: nat, fresh: fc.boolean() },
  { requiredKeys: ['topic', 'topicId', 'partition', 'fresh'] },
);

const source = fc.oneof(
  fc.constant({ source: 'nothing' as const }),
  fc.record(
    { source: fc.constant('subscription' as const), names: fc.array(text), memberId: text, cursor: text },
    { requiredKeys: ['source', 'names'] },
  ),
  fc.record(
    { source: fc.constant('subscription' as const), pattern: text, memberId: text, cursor: text },
    { requiredKeys: ['source', 'pattern'] },
  ),
  fc.record({ source: fc.constant('assignment' as const), positions: fc.array(position, { maxLength: 5 }) }),
);

const instances: fc.Arbitrary<ConsumerInstance> = fc.record(
  {
    version: nat,
    writer: text,
    usedMs: nat,
    format: fc.constantFrom(...INSTANCE_FORMATS),
    reset: fc.constantFrom(...INSTANCE_RESETS),
    autoCommit: fc.boolean(),
    waitMsMax: nat,
    minBytes: nat,
    from: source,
  },
  { requiredKeys: ['version', 'writer', 'usedMs', 'format', 'reset', 'autoCommit', 'from'] },
);

test('an instance is decoded as it was encoded', () => {
  fc.assert(
    fc.property(instances, (instance) => {
      expect(decodeInstance(encodeInstance(instance))).toEqual(instance);
    }),
  );
});

test('an instance is replaced and removed only as it was read', () => {
  const id = { group: 'g', name: 'n' };
  const table = new ItemTable();
  const [first] = fc.sample(instances, 1) as [ConsumerInstance];
  const one = { ...first, version: 1, writer: 'a' };
  const two = { ...one, version: 2, writer: 'b' };
  expect(table.apply(planInstance(id, one, undefined)).outcome).toBe('applied');
  expect(table.apply(planInstance(id, one, undefined)).outcome).toBe('refused');
  expect(table.apply(planInstance(id, two, one)).outcome).toBe('applied');
  expect(table.apply(planInstance(id, { ...two, version: 3 }, one)).outcome).toBe('refused');
  // Another of the same name that was made since has the same versions, and another writer.
  expect(table.apply(planInstance(id, { ...two, version: 3 }, { ...two, writer: 'c' })).outcome).toBe('refused');
  expect(table.apply(planInstanceRemoval(id, one)).outcome).toBe('refused');
  expect(table.apply(planInstanceRemoval(id, two)).outcome).toBe('applied');
  expect(table.get(instanceKey(id))).toBeUndefined();
});
