/**
 * What a trigger may be: every value by itself, and those that must fit each other. What is not said gets its default.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { capitalized } from '../../kernel/sentence.ts';
import { compileTopicPattern } from '../groups/topic-pattern.ts';
import { checkGroupId } from '../transactions/ids.ts';
import { compileFilters } from './filter/compile-filters.ts';
import type { FailureTarget, Trigger, TriggerTopics } from './trigger.ts';

/** A trigger as someone asks for it. */
export type TriggerInput = Pick<Trigger, 'name' | 'topics' | 'target' | 'startingPosition'> & Partial<Trigger>;

/** What can be changed later: all but where delivery begins, and the name. */
export type TriggerChanges = Partial<
  Omit<Trigger, 'name' | 'topics' | 'group' | 'startingPosition' | 'onFailure' | 'tenantId'>
> & {
  /** `null`: nowhere, as without. */
  onFailure?: FailureTarget | null;
  tenantId?: string | null;
};

/**
 * Throws `INVALID_REQUEST` with the field (as the HTTP API names it), `INVALID_GROUP_ID`, `INVALID_REGULAR_EXPRESSION`.
 */
export function newTrigger(input: TriggerInput): Trigger {
  return checked({
    // Kafka's mappings make up an id; one that says whose it is can be found again.
    group: input.name,
    batchSize: triggerLimits.triggerBatchSizeDefault,
    batchingWindowMs: 0,
    filters: [],
    bisectBatchOnError: false,
    retryAttempts: -1,
    maxRecordAgeMs: -1,
    reportBatchItemFailures: false,
    parallelizationFactor: 1,
    tumblingWindowMs: 0,
    eventShape: 'msk',
    timeoutMs: triggerLimits.triggerTimeoutMsDefault,
    enabled: true,
    ...defined(input),
  });
}

/** The same for the trigger as it would be. */
export function changedTrigger(trigger: Trigger, { onFailure, tenantId, ...changes }: TriggerChanges): Trigger {
  const next: Trigger = { ...trigger, ...defined(changes) };
  if (onFailure === null) delete next.onFailure;
  else if (onFailure !== undefined) next.onFailure = onFailure;
  if (tenantId === null) delete next.tenantId;
  else if (tenantId !== undefined) next.tenantId = tenantId;
  return checked(next);
}

function defined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

function checked(trigger: Trigger): Trigger {
  checkName(trigger.name);
  checkTopics(trigger.topics);
  checkGroupId(trigger.group);
  checkTarget(trigger.target);
  if (trigger.onFailure !== undefined) checkFailureTarget(trigger.onFailure, trigger.topics);
  checkNumbers(trigger);
  checkStart(trigger);
  checkFilters(trigger.filters);
  checkTenantId(trigger.tenantId);
  return trigger;
}

/** Throws `INVALID_REQUEST`. */
export function checkName(name: string): void {
  if (name.length <= triggerLimits.triggerNameLengthMax && /^[A-Za-z0-9._-]+$/.test(name)) return;
  const allowed = `1 to ${triggerLimits.triggerNameLengthMax} letters, digits, ".", "_" and "-" are`;
  throw invalid('name', `the trigger name "${shortened(name)}" is not allowed: ${allowed}`);
}

function checkTopics(topics: TriggerTopics): void {
  if ('pattern' in topics) {
    const compiled = compileTopicPattern(topics.pattern);
    if (compiled.result === 'pattern') return;
    const detail = `the topic pattern "${shortened(topics.pattern)}" is not allowed: ${compiled.detail}`;
    throw new MillraceError('INVALID_REGULAR_EXPRESSION', detail, { facts: { field: 'topic_pattern' } });
  }
  const { names } = topics;
  if (names.length === 0 || names.length > triggerLimits.triggerTopicsMax) {
    throw invalid(
      'topics',
      `${names.length} topics are not allowed: a trigger names 1 to ${triggerLimits.triggerTopicsMax}`,
    );
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid('topics', `the topic "${shortened(twice)}" is there twice`);
}

/** A function's ARN, with a version or an alias or without: what `Invoke` takes. */
const FUNCTION_ARN =
  /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?$/;
/** `<module>.<export>`, as the `Handler` of a function. */
const LOCAL_HANDLER = /^[^\s:]+\.[A-Za-z_$][\w$]*$/;

function checkTarget(target: string): void {
  const isOne = target.startsWith('arn:') ? FUNCTION_ARN.test(target) : LOCAL_HANDLER.test(target);
  if (isOne && target.length <= triggerLimits.triggerTargetLengthMax) return;
  const allowed = 'the ARN of a Lambda function is, or <module>.<export> of a local server';
  throw invalid('target', `the target "${shortened(target)}" is not allowed: ${allowed}`);
}

const DESTINATION_ARNS = {
  sqs: /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}$/,
  sns: /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/,
  s3: /^arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63}$/,
} as const;

function checkFailureTarget(onFailure: FailureTarget, topics: TriggerTopics): void {
  if (onFailure.kind !== 'topic') {
    if (DESTINATION_ARNS[onFailure.kind].test(onFailure.arn)) return;
    const what = { sqs: 'a standard queue', sns: 'a standard topic of SNS', s3: 'a bucket' }[onFailure.kind];
    throw invalid('on_failure.arn', `"${shortened(onFailure.arn)}" is not the ARN of ${what}`);
  }
  if (!meansTopic(topics, onFailure.topic)) return;
  const detail = `the topic "${shortened(onFailure.topic)}" is one of the trigger's own, so that what fails would come back for ever`;
  throw invalid('on_failure.topic', detail);
}

function meansTopic(topics: TriggerTopics, name: string): boolean {
  if ('names' in topics) return topics.names.includes(name);
  const compiled = compileTopicPattern(topics.pattern);
  return compiled.result === 'pattern' && compiled.pattern.matches(name);
}

function checkNumbers(trigger: Trigger): void {
  const { triggerRecordAgeMsMin: ageMin, triggerRecordAgeMsMax: ageMax } = triggerLimits;
  within('batch_size', trigger.batchSize, { from: 1, to: triggerLimits.triggerBatchSizeMax });
  within('batching_window_ms', trigger.batchingWindowMs, { from: 0, to: triggerLimits.triggerBatchingWindowMsMax });
  within('retry_attempts', trigger.retryAttempts, { from: -1, to: triggerLimits.triggerRetryAttemptsMax });
  if (trigger.maxRecordAgeMs !== -1) {
    within('max_record_age_ms', trigger.maxRecordAgeMs, { from: ageMin, to: ageMax, or: '-1 (any age)' });
  }
  within('parallelization_factor', trigger.parallelizationFactor, {
    from: 1,
    to: triggerLimits.triggerParallelizationMax,
  });
  within('tumbling_window_ms', trigger.tumblingWindowMs, { from: 0, to: triggerLimits.triggerTumblingWindowMsMax });
  within('timeout_ms', trigger.timeoutMs, {
    from: 1,
    to: triggerLimits.triggerTimeoutMsMax,
    why: 'the dispatcher must outlive it',
  });
  if (trigger.tumblingWindowMs > 0 && trigger.parallelizationFactor > 1) {
    const detail = 'a tumbling window has the state of a whole partition, so that the parallelization factor must be 1';
    throw invalid('parallelization_factor', detail);
  }
}

function within(
  field: string,
  value: number,
  { from, to, or, why }: { from: number; to: number; or?: string; why?: string },
): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  const allowed = `a whole number from ${from} to ${to}${or === undefined ? '' : ` or ${or}`}`;
  const reason = why === undefined ? '' : `, since ${why}`;
  throw invalid(field, `${field} is ${value}, and must be ${allowed}${reason}`);
}

function checkStart({ startingPosition }: Trigger): void {
  if (startingPosition.position !== 'AT_TIMESTAMP') return;
  within('starting_timestamp', startingPosition.timestampMs, { from: 0, to: topicLimits.timestampMsMax });
}

function checkFilters(filters: readonly string[]): void {
  const compiled = compileFilters(filters);
  if (compiled.result === 'filters') return;
  throw invalid(compiled.index === undefined ? 'filters' : `filters[${compiled.index}]`, capitalized(compiled.detail));
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, `TenantId`. */
const TENANT_ID = /^[A-Za-z0-9._:/=+\-@ ]+$/;

function checkTenantId(tenantId: string | undefined): void {
  if (tenantId === undefined) return;
  if (tenantId.length <= triggerLimits.triggerTenantIdLengthMax && TENANT_ID.test(tenantId)) return;
  const allowed = `1 to ${triggerLimits.triggerTenantIdLengthMax} letters, digits, spaces and any of . _ : / = + - @ are`;
  throw invalid('tenant_id', `the tenant id "${shortened(tenantId)}" is not allowed: ${allowed}`);
}

function invalid(field: string, detail: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', detail, { facts: { field } });
}

const SHOWN = 100;

/** What someone sent, to be told back to them. */
function shortened(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
