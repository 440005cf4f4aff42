/** Any trigger that is allowed. */
import * as fc from 'fast-check';
import type {
  FailureTarget,
  StartingPosition,
  Trigger,
  TriggerTopics,
} from '../../lib/coordination/triggers/trigger.ts';
import type { TriggerRecord } from '../../lib/coordination/triggers/trigger-item.ts';

const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);

const topics = fc.oneof(
  fc.uniqueArray(name, { minLength: 1, maxLength: 5 }).map((names): TriggerTopics => ({ names })),
  name.map((prefix): TriggerTopics => ({ pattern: `orders-${prefix}.*` })),
);

const startingPosition: fc.Arbitrary<StartingPosition> = fc.oneof(
  fc.constantFrom<StartingPosition>({ position: 'LATEST' }, { position: 'TRIM_HORIZON' }),
  fc.nat().map((timestampMs) => ({ position: 'AT_TIMESTAMP' as const, timestampMs })),
);

const onFailure: fc.Arbitrary<FailureTarget> = fc.oneof(
  name.map((queue) => ({ kind: 'sqs' as const, arn: `arn:aws:sqs:eu-central-1:123456789012:${queue}` })),
  fc.constant({ kind: 's3' as const, arn: 'arn:aws:s3:::poison' }),
  // No name of `topics` is that long.
  fc.constant({ kind: 'topic' as const, topic: 'where-all-that-failed-ends-up' }),
);

export const anyTrigger: fc.Arbitrary<Trigger> = fc
  .record(
    {
      name,
      topics,
      group: name,
      target: name.map((fn) => `arn:aws:lambda:eu-central-1:123456789012:function:${fn}`),
      startingPosition,
      batchSize: fc.integer({ min: 1, max: 10_000 }),
      batchingWindowMs: fc.integer({ min: 0, max: 300_000 }),
      filters: fc.array(fc.constantFrom('{"value":{"a":[1]}}', '{"key":["k"]}'), { maxLength: 10 }),
      onFailure,
      bisectBatchOnError: fc.boolean(),
      retryAttempts: fc.integer({ min: -1, max: 10_000 }),
      maxRecordAgeMs: fc.oneof(fc.constant(-1), fc.integer({ min: 60_000, max: 604_800_000 })),
      reportBatchItemFailures: fc.boolean(),
      parallelizationFactor: fc.integer({ min: 1, max: 10 }),
      tumblingWindowMs: fc.constant(0),
      eventShape: fc.constantFrom('msk' as const, 'self-managed' as const),
      tenantId: name,
      timeoutMs: fc.integer({ min: 1, max: 720_000 }),
      enabled: fc.boolean(),
    },
    {
      requiredKeys: [
        'name',
        'topics',
        'group',
        'target',
        'startingPosition',
        'batchSize',
        'batchingWindowMs',
        'filters',
        'bisectBatchOnError',
        'retryAttempts',
        'maxRecordAgeMs',
        'reportBatchItemFailures',
        'parallelizationFactor',
        'tumblingWindowMs',
        'eventShape',
        'timeoutMs',
        'enabled',
      ],
    },
  )
  .map((trigger) => trigger as Trigger);

export const anyTriggerRecord: fc.Arbitrary<TriggerRecord> = fc.record({
  trigger: anyTrigger,
  nonce: name,
  version: fc.integer({ min: 1, max: 1_000 }),
  phase: fc.constantFrom('creating' as const, 'ready' as const, 'deleting' as const),
  createdMs: fc.nat(),
});
