import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTopicConfig } from '../../../lib/log/topic/config.ts';
import type { Topic } from '../../../lib/log/topic/topic.ts';
import {
  claimKey,
  decodeClaim,
  decodeDirectoryEntry,
  decodeTopic,
  directoryKey,
  encodeClaim,
  encodeDirectoryEntry,
  encodeTopic,
  topicKey,
} from '../../../lib/log/topic/topic-item.ts';

const configs = fc.record(
  {
    'retention.ms': fc.maxSafeInteger().map((ms) => String(Math.abs(ms))),
    'cleanup.policy': fc.constantFrom('delete', 'compact', 'compact,delete', ''),
    'max.message.bytes': fc.integer({ min: 0, max: 4_194_304 }).map(String),
    preallocate: fc.constantFrom('true', 'FALSE'),
  },
  { requiredKeys: [] },
);

const topics = fc
  .record({
    name: fc.stringMatching(/^[a-zA-Z0-9_-]{1,249}$/),
    topicId: fc.stringMatching(/^[a-zA-Z0-9_-]{22}$/),
    partitions: fc.integer({ min: 1, max: 10_000 }),
    replicationFactor: fc.integer({ min: 1, max: 3 }),
    ledgerPartitions: fc.integer({ min: 1, max: 16 }),
    configs,
    version: fc.integer({ min: 1 }),
    state: fc.constantFrom('ready' as const, 'deleting' as const),
  })
  .map(({ configs, ...fields }): Topic => {
    const { overrides, values } = parseTopicConfig(configs);
    values['ledger.partitions'] = fields.ledgerPartitions;
    return Object.assign(fields, { overrides, config: values });
  });

describe('the items of a topic', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(topics, (topic) => {
        const { name, topicId, partitions, replicationFactor } = topic;
        expect(decodeTopic(name, encodeTopic(topic))).toEqual(topic);
        expect(decodeDirectoryEntry(name, encodeDirectoryEntry(topic))).toEqual({
          name,
          topicId,
          partitions,
          replicationFactor,
        });
        expect(decodeClaim(encodeClaim(name))).toBe(name);
      }),
    );
  });

  it('have the keys of the protocol', () => {
    expect(topicKey('orders')).toEqual({ pk: 'topic#orders', sk: 'config' });
    expect(directoryKey('orders')).toEqual({ pk: 'topics', sk: 'orders' });
    expect(claimKey('orders')).toBeUndefined();
    expect(claimKey('eu.orders_v1')).toEqual({ pk: 'topic#eu_orders_v1', sk: 'claim' });
  });

  it('keep the number of partitions a ledger had at creation, whatever the default becomes', () => {
    const { values } = parseTopicConfig({});
    const attributes = encodeTopic({
      name: 'orders',
      topicId: 'a'.repeat(22),
      partitions: 1,
      replicationFactor: 1,
      ledgerPartitions: 4,
      overrides: {},
      config: values,
      version: 1,
      state: 'ready',
    });
    expect(decodeTopic('orders', attributes)).toMatchObject({
      ledgerPartitions: 4,
      config: { 'ledger.partitions': 4 },
    });
  });

  it.each(['topicId', 'partitions', 'replicationFactor', 'ledgerPartitions', 'configs', 'version', 'state'])(
    'are refused as corrupt without %s',
    (attribute) => {
      fc.assert(
        fc.property(topics, (topic) => {
          const attributes = encodeTopic(topic);
          delete attributes[attribute];
          expect(() => decodeTopic(topic.name, attributes)).toThrow(topic.name);
        }),
        { numRuns: 5 },
      );
    },
  );
});
