/** Triggers over HTTP. */
import type { z } from '@hono/zod-openapi';
import { alterTrigger } from '../../broker/triggers/alter-trigger.ts';
import { createTrigger } from '../../broker/triggers/create-trigger.ts';
import { deleteTrigger } from '../../broker/triggers/delete-trigger.ts';
import {
  type DescribedTrigger,
  describeTrigger,
  type TriggerPartition,
  triggerState,
} from '../../broker/triggers/describe-trigger.ts';
import { listTriggers } from '../../broker/triggers/list-triggers.ts';
import { type ReplayFrom, replayTrigger } from '../../broker/triggers/replay-trigger.ts';
import { noTargets } from '../../broker/triggers/target-policy.ts';
import type { TriggerChanges, TriggerInput } from '../../coordination/triggers/check-trigger.ts';
import type { LeaseError } from '../../coordination/triggers/lease-item.ts';
import type { StartingPosition, Trigger, TriggerTopics } from '../../coordination/triggers/trigger.ts';
import type { TriggerRecord } from '../../coordination/triggers/trigger-item.ts';
import { emptyAnswer, jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { malformedField } from '../problems.ts';
import { jsonBody, mount } from './mount.ts';
import {
  alterTriggerRoute,
  createTriggerRoute,
  deleteTriggerRoute,
  describeTriggerRoute,
  listTriggersRoute,
  replayTriggerRoute,
} from './triggers-routes.ts';
import {
  alterTriggerSchema,
  createTriggerSchema,
  type describedTriggerSchema,
  replaySchema,
  type triggerSchema,
} from './triggers-schemas.ts';

export function mountTriggers(door: Door): void {
  const { broker, targetPolicy = noTargets } = door.options;

  mount(door, createTriggerRoute, async ({ context }) => {
    const body = await jsonBody(door, context, createTriggerSchema);
    const made = await createTrigger(broker, targetPolicy, triggerInput(body));
    return jsonAnswer(JSON.stringify(triggerAnswer(made)), 201);
  });

  mount(door, listTriggersRoute, async ({ query }) => {
    const { triggers, next } = await listTriggers(broker, query);
    return jsonAnswer(JSON.stringify({ triggers: triggers.map(triggerAnswer), next }));
  });

  mount(door, describeTriggerRoute, async ({ params }) =>
    jsonAnswer(JSON.stringify(describedAnswer(await describeTrigger(broker, params.name)))),
  );

  mount(door, alterTriggerRoute, async ({ context, params }) => {
    const body = await jsonBody(door, context, alterTriggerSchema);
    const { target, on_failure: onFailure, tenant_id: tenantId } = body;
    const changes = { ...settingsOf(body), target, onFailure, tenantId };
    const altered = await alterTrigger(broker, targetPolicy, params.name, changes);
    return jsonAnswer(JSON.stringify(triggerAnswer(altered)));
  });

  mount(door, deleteTriggerRoute, async ({ params }) => {
    await deleteTrigger(broker, params.name);
    return emptyAnswer(204);
  });

  mount(door, replayTriggerRoute, async ({ context, params }) => {
    const body = await jsonBody(door, context, replaySchema);
    const { topic, partition, dry_run: dryRun } = body;
    const replayed = await replayTrigger(broker, params.name, { from: fromOf(body), topic, partition, dryRun });
    const offsets = replayed.map((one) => {
      return { topic: one.topic, partition: one.partition, offset: one.offset, previous_offset: one.before };
    });
    return jsonAnswer(JSON.stringify({ offsets }));
  });
}

/** A trigger as the body of its creation asks for it. */
export function triggerInput(body: CreateBody): TriggerInput {
  return {
    ...settingsOf(body),
    name: body.name,
    topics: topicsOf(body),
    target: body.target,
    startingPosition: startOf(body),
    ...(body.group !== undefined && { group: body.group }),
    ...(body.on_failure !== undefined && { onFailure: body.on_failure }),
    ...(body.tenant_id !== undefined && { tenantId: body.tenant_id }),
  };
}

/** What a creation and a change say alike. */
function settingsOf(
  body: Omit<z.output<typeof alterTriggerSchema>, 'target' | 'on_failure' | 'tenant_id'>,
): Omit<TriggerChanges, 'target' | 'onFailure' | 'tenantId'> {
  return {
    batchSize: body.batch_size,
    batchingWindowMs: body.batching_window_ms,
    filters: body.filters?.map((filter) => (typeof filter === 'string' ? filter : JSON.stringify(filter))),
    bisectBatchOnError: body.bisect_batch_on_error,
    retryAttempts: body.retry_attempts,
    maxRecordAgeMs: body.max_record_age_ms,
    reportBatchItemFailures: body.report_batch_item_failures,
    parallelizationFactor: body.parallelization_factor,
    tumblingWindowMs: body.tumbling_window_ms,
    eventShape: body.event_shape,
    timeoutMs: body.timeout_ms,
    enabled: body.enabled,
  };
}

type CreateBody = z.output<typeof createTriggerSchema>;

function topicsOf({ topics, topic_pattern: pattern }: CreateBody): TriggerTopics {
  if (topics !== undefined && pattern === undefined) return { names: topics };
  if (pattern !== undefined && topics === undefined) return { pattern };
  throw malformedField('topics', 'must be there, or topic_pattern, and not both');
}

function startOf({ starting_position: position, starting_timestamp: timestampMs }: CreateBody): StartingPosition {
  if (position === 'AT_TIMESTAMP') {
    if (timestampMs !== undefined) return { position, timestampMs };
    throw malformedField('starting_timestamp', 'must be beside the starting_position AT_TIMESTAMP');
  }
  if (timestampMs === undefined) return { position };
  throw malformedField('starting_timestamp', 'must be absent unless the starting_position is AT_TIMESTAMP');
}

function fromOf({ from, timestamp }: z.output<typeof replaySchema>): ReplayFrom {
  if ((from === undefined) === (timestamp === undefined)) {
    throw malformedField('from', 'must be there, or timestamp, and not both');
  }
  if (timestamp !== undefined) return { from: 'timestamp', timestampMs: timestamp };
  return typeof from === 'number' ? { from: 'offset', offset: from } : { from: from ?? 'latest' };
}

function triggerAnswer(record: TriggerRecord): z.input<typeof triggerSchema> {
  const { trigger, createdMs } = record;
  return {
    name: trigger.name,
    state: triggerState(record),
    created_at: createdMs,
    ...topicsAnswer(trigger),
    group: trigger.group,
    target: trigger.target,
    starting_position: trigger.startingPosition.position,
    ...(trigger.startingPosition.position === 'AT_TIMESTAMP' && {
      starting_timestamp: trigger.startingPosition.timestampMs,
    }),
    batch_size: trigger.batchSize,
    batching_window_ms: trigger.batchingWindowMs,
    filters: [...trigger.filters],
    ...(trigger.onFailure !== undefined && { on_failure: trigger.onFailure }),
    bisect_batch_on_error: trigger.bisectBatchOnError,
    retry_attempts: trigger.retryAttempts,
    max_record_age_ms: trigger.maxRecordAgeMs,
    report_batch_item_failures: trigger.reportBatchItemFailures,
    parallelization_factor: trigger.parallelizationFactor,
    tumbling_window_ms: trigger.tumblingWindowMs,
    event_shape: trigger.eventShape,
    ...(trigger.tenantId !== undefined && { tenant_id: trigger.tenantId }),
    timeout_ms: trigger.timeoutMs,
    enabled: trigger.enabled,
  };
}

function topicsAnswer({ topics }: Trigger): Pick<z.input<typeof triggerSchema>, 'topics' | 'topic_pattern'> {
  return 'names' in topics ? { topics: [...topics.names] } : { topic_pattern: topics.pattern };
}

function describedAnswer(described: DescribedTrigger): z.input<typeof describedTriggerSchema> {
  const { record, lag, lagMs, oldestMs, error, partitions } = described;
  return {
    ...triggerAnswer(record),
    lag,
    lag_ms: lagMs,
    ...(oldestMs !== undefined && { oldest_timestamp: oldestMs }),
    ...errorAnswer(error),
    partitions: partitions.map(partitionAnswer),
  };
}

function partitionAnswer(one: TriggerPartition): z.input<typeof describedTriggerSchema>['partitions'][number] {
  return {
    topic: one.topic,
    partition: one.partition,
    committed_offset: one.committed,
    log_start_offset: one.logStart,
    high_watermark: one.highWatermark,
    lag: one.lag,
    ...(one.oldestMs !== undefined && { oldest_timestamp: one.oldestMs }),
    ...(one.holder !== undefined && { holder: one.holder, held_until: one.heldUntilMs }),
    attempts: one.attempts,
    ...(one.nextAttemptMs !== undefined && { next_attempt: one.nextAttemptMs }),
    ...errorAnswer(one.error),
  };
}

function errorAnswer(error: LeaseError | undefined) {
  return error === undefined ? {} : { last_error: { kind: error.kind, message: error.message, at: error.atMs } };
}
