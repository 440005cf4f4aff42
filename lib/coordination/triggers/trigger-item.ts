/**
 * A trigger's item, and the claim on the group that it drives. They appear and go in one transaction.
 *
 * The trigger, `triggers` / `<name>`, so that all of them are one query:
 *
 *     nonce    string  of its creation: a trigger of the same name that was deleted has another
 *     version  number  1 at creation, + 1 with every change: the condition of the next change, together with `nonce`
 *     phase    string  creating | ready | deleting; only what is ready is delivered
 *     created  number  ms
 *     topics   list    the names of its topics, or
 *     pattern  string  what their names match
 *     start    string  LATEST | TRIM_HORIZON | AT_TIMESTAMP
 *     startMs  number  of AT_TIMESTAMP
 *     failure  map     `kind` (sqs | sns | s3 | topic) and `to`: where records go that were given up; absent: nowhere
 *     tenantId string  absent: none
 *
 * and, under the names that they have in `Trigger`: group, target, batchSize, batchingWindowMs, filters (list of string),
 * bisectBatchOnError, retryAttempts, maxRecordAgeMs, reportBatchItemFailures, parallelizationFactor, tumblingWindowMs,
 * eventShape, timeoutMs, enabled.
 *
 * The claim, `group#<group>` / `trigger`: no member joins a group that has one, and its offsets do not expire.
 *
 *     name  string  the trigger's
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, Condition, ItemKey, Write } from '../../kernel/items.ts';
import { mapsAt, numberAt, optionalText, present, textAt, textsAt } from '../groups/attributes.ts';
import { groupKey } from '../groups/offsets-item.ts';
import type { EventShape, FailureTarget, StartingPosition, Trigger, TriggerTopics } from './trigger.ts';

export type TriggerPhase = 'creating' | 'ready' | 'deleting';

export interface TriggerRecord {
  trigger: Trigger;
  nonce: string;
  version: number;
  phase: TriggerPhase;
  createdMs: number;
}

/** The partition key of all triggers. */
export const TRIGGER_DIRECTORY = 'triggers';

export function triggerKey(name: string): ItemKey {
  return { pk: TRIGGER_DIRECTORY, sk: name };
}

export function encodeTrigger({ trigger, nonce, version, phase, createdMs }: TriggerRecord): Attributes {
  const { topics, startingPosition, onFailure } = trigger;
  return present<Attributes>({
    nonce,
    version,
    phase,
    created: createdMs,
    topics: 'names' in topics ? [...topics.names] : undefined,
    pattern: 'pattern' in topics ? topics.pattern : undefined,
    start: startingPosition.position,
    startMs: startingPosition.position === 'AT_TIMESTAMP' ? startingPosition.timestampMs : undefined,
    failure: onFailure === undefined ? undefined : encodeFailure(onFailure),
    tenantId: trigger.tenantId,
    group: trigger.group,
    target: trigger.target,
    batchSize: trigger.batchSize,
    batchingWindowMs: trigger.batchingWindowMs,
    filters: [...trigger.filters],
    bisectBatchOnError: trigger.bisectBatchOnError,
    retryAttempts: trigger.retryAttempts,
    maxRecordAgeMs: trigger.maxRecordAgeMs,
    reportBatchItemFailures: trigger.reportBatchItemFailures,
    parallelizationFactor: trigger.parallelizationFactor,
    tumblingWindowMs: trigger.tumblingWindowMs,
    eventShape: trigger.eventShape,
    timeoutMs: trigger.timeoutMs,
    enabled: trigger.enabled,
  });
}

export function decodeTrigger(name: string, attributes: Attributes): TriggerRecord {
  const trigger = present<Trigger>({
    name,
    topics: decodeTopics(attributes),
    group: textAt(attributes, 'group'),
    target: textAt(attributes, 'target'),
    startingPosition: decodeStart(attributes),
    batchSize: numberAt(attributes, 'batchSize'),
    batchingWindowMs: numberAt(attributes, 'batchingWindowMs'),
    filters: textsAt(attributes, 'filters'),
    onFailure: decodeFailure(attributes),
    bisectBatchOnError: flagAt(attributes, 'bisectBatchOnError'),
    retryAttempts: numberAt(attributes, 'retryAttempts'),
    maxRecordAgeMs: numberAt(attributes, 'maxRecordAgeMs'),
    reportBatchItemFailures: flagAt(attributes, 'reportBatchItemFailures'),
    parallelizationFactor: numberAt(attributes, 'parallelizationFactor'),
    tumblingWindowMs: numberAt(attributes, 'tumblingWindowMs'),
    eventShape: decodeShape(attributes),
    tenantId: optionalText(attributes, 'tenantId'),
    timeoutMs: numberAt(attributes, 'timeoutMs'),
    enabled: flagAt(attributes, 'enabled'),
  });
  return {
    trigger,
    nonce: textAt(attributes, 'nonce'),
    version: numberAt(attributes, 'version'),
    phase: decodePhase(attributes),
    createdMs: numberAt(attributes, 'created'),
  };
}

function decodePhase(attributes: Attributes): TriggerPhase {
  const phase = textAt(attributes, 'phase');
  assert(phase === 'creating' || phase === 'ready' || phase === 'deleting', `${phase} is the phase of a trigger`);
  return phase;
}

function decodeTopics(attributes: Attributes): TriggerTopics {
  const pattern = optionalText(attributes, 'pattern');
  return pattern === undefined ? { names: textsAt(attributes, 'topics') } : { pattern };
}

function decodeStart(attributes: Attributes): StartingPosition {
  const position = textAt(attributes, 'start');
  if (position === 'AT_TIMESTAMP') return { position, timestampMs: numberAt(attributes, 'startMs') };
  assert(position === 'LATEST' || position === 'TRIM_HORIZON', `${position} is a starting position`);
  return { position };
}

function encodeFailure(onFailure: FailureTarget): Attributes {
  return { kind: onFailure.kind, to: onFailure.kind === 'topic' ? onFailure.topic : onFailure.arn };
}

function decodeFailure(attributes: Attributes): FailureTarget | undefined {
  const { failure } = attributes;
  if (failure === undefined) return undefined;
  const [found = {}] = mapsAt({ failure: [failure] }, 'failure');
  const [kind, to] = [textAt(found, 'kind'), textAt(found, 'to')];
  if (kind === 'topic') return { kind, topic: to };
  assert(kind === 'sqs' || kind === 'sns' || kind === 's3', `${kind} is a kind of destination`);
  return { kind, arn: to };
}

function decodeShape(attributes: Attributes): EventShape {
  const shape = textAt(attributes, 'eventShape');
  assert(shape === 'msk' || shape === 'self-managed', `${shape} is the shape of an event`);
  return shape;
}

function flagAt(attributes: Attributes, name: string): boolean {
  const value = attributes[name];
  assert(typeof value === 'boolean', `${name} is true or false`);
  return value;
}

/** Whether records are delivered now. */
export function isDelivering({ trigger, phase }: TriggerRecord): boolean {
  return phase === 'ready' && trigger.enabled;
}

/** From `record` to `next`, if it is still what it was; the version is one more. */
export function planTriggerChange(record: TriggerRecord, next: Pick<TriggerRecord, 'trigger' | 'phase'>): Write {
  return {
    kind: 'put',
    key: triggerKey(record.trigger.name),
    attributes: encodeTrigger({ ...record, ...next, version: record.version + 1 }),
    conditions: unchanged(record),
  };
}

/** The trigger and its claim, where neither is there. */
export function planTriggerCreation(record: TriggerRecord): Write[] {
  const { name, group } = record.trigger;
  const absent: Condition[] = [{ clause: 'item-absent' }];
  return [
    { kind: 'put', key: triggerKey(name), attributes: encodeTrigger(record), conditions: absent },
    { kind: 'put', key: claimKey(group), attributes: { name }, conditions: absent },
  ];
}

/** Both are gone together; the first write's condition fails where the trigger is not what it was. */
export function planTriggerRemoval(record: TriggerRecord): Write[] {
  const { name, group } = record.trigger;
  return [
    { kind: 'delete', key: triggerKey(name), conditions: unchanged(record) },
    { kind: 'delete', key: claimKey(group), conditions: [{ clause: 'equals', attribute: 'name', value: name }] },
  ];
}

/** Guards the other writes of a transaction: the trigger is still what it was. */
export function unchangedTrigger(record: TriggerRecord): Write {
  return { kind: 'check', key: triggerKey(record.trigger.name), conditions: unchanged(record) };
}

/** The same where only its deletion matters, not what else changes of it. */
export function readyTrigger({ trigger, nonce }: TriggerRecord): Write {
  const conditions: Condition[] = [
    { clause: 'equals', attribute: 'nonce', value: nonce },
    { clause: 'equals', attribute: 'phase', value: 'ready' },
  ];
  return { kind: 'check', key: triggerKey(trigger.name), conditions };
}

function unchanged({ nonce, version }: TriggerRecord): Condition[] {
  return [
    { clause: 'equals', attribute: 'nonce', value: nonce },
    { clause: 'equals', attribute: 'version', value: version },
  ];
}

export function claimKey(group: string): ItemKey {
  return { pk: groupKey(group), sk: 'trigger' };
}

/** The name of the trigger that drives the group. */
export function decodeClaim(attributes: Attributes): string {
  return textAt(attributes, 'name');
}
