/**
 * From an event source's props to the trigger that is asked for, checked by the very rules that the API has. What is
 * only known at deployment (tokens) is checked then.
 */
import { type Duration, Token } from 'aws-cdk-lib';
import { Alias, type IFunction, Function as LambdaFunction, StartingPosition, Version } from 'aws-cdk-lib/aws-lambda';
import { newTrigger, type TriggerInput } from '../../coordination/triggers/check-trigger.ts';
import type { StartingPosition as Start, TriggerTopics } from '../../coordination/triggers/trigger.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { OptionError } from '../option-error.ts';
import type { MillraceEventSourceProps } from './event-source-props.ts';

/** What Lambda gives a function that does not say. */
const TIMEOUT_MS_OF_LAMBDA = 3_000;

/** Stands in for ARNs that are not known yet. */
const SOME_FUNCTION = 'arn:aws:lambda:eu-central-1:123456789012:function:some';

/** Throws `OptionError`, which names the function and the property. */
export function triggerInput(target: IFunction, name: string, props: MillraceEventSourceProps): TriggerInput {
  return named(target, () => {
    const input: TriggerInput = {
      name,
      topics: topicsOf(props),
      target: target.functionArn,
      startingPosition: startOf(props),
      group: props.consumerGroupId,
      batchSize: props.batchSize,
      batchingWindowMs: props.maxBatchingWindow?.toMilliseconds(),
      filters: props.filters?.map(filterText),
      bisectBatchOnError: props.bisectBatchOnError,
      retryAttempts: props.retryAttempts,
      maxRecordAgeMs: props.maxRecordAge?.toMilliseconds(),
      reportBatchItemFailures: props.reportBatchItemFailures,
      parallelizationFactor: props.parallelizationFactor,
      tumblingWindowMs: props.tumblingWindow?.toMilliseconds(),
      eventShape: props.eventShape,
      tenantId: props.tenantId,
      timeoutMs: timeoutOf(target, props.functionTimeout),
      enabled: props.enabled,
    };
    newTrigger(knownPart(input));
    return input;
  });
}

function topicsOf({ topic, topics, topicPattern }: MillraceEventSourceProps): TriggerTopics {
  const said = [topic, topics, topicPattern].filter((value) => value !== undefined);
  if (said.length !== 1) {
    throw new OptionError(`${said.length} of topic, topics and topicPattern are given; it takes one of them`);
  }
  if (topicPattern !== undefined) return { pattern: topicPattern };
  return { names: topics ?? [topic ?? ''] };
}

function startOf({ startingPosition, startingPositionTimestamp: seconds }: MillraceEventSourceProps): Start {
  if (startingPosition !== StartingPosition.AT_TIMESTAMP) {
    if (seconds === undefined) return { position: startingPosition };
    throw new OptionError('startingPositionTimestamp goes with StartingPosition.AT_TIMESTAMP only');
  }
  if (seconds === undefined) throw new OptionError('StartingPosition.AT_TIMESTAMP needs startingPositionTimestamp');
  return { position: 'AT_TIMESTAMP', timestampMs: seconds * 1000 };
}

/** CDK's own filters are objects with the pattern as text (`FilterCriteria.filter`). */
function filterText(filter: Record<string, unknown>, index: number): string {
  if (typeof filter['pattern'] === 'string') return filter['pattern'];
  throw new OptionError(`filters[${index}] has no pattern; make it with FilterCriteria.filter`);
}

function timeoutOf(target: IFunction, said: Duration | undefined): number | undefined {
  const own = ownTimeoutMs(target);
  if (said === undefined) return own;
  if (own === undefined) return said.toMilliseconds();
  throw new OptionError('functionTimeout is for functions whose construct does not say it; this one has a timeout');
}

function ownTimeoutMs(target: IFunction): number | undefined {
  if (target instanceof Alias || target instanceof Version) return ownTimeoutMs(target.lambda);
  if (!(target instanceof LambdaFunction)) return undefined;
  return target.timeout?.toMilliseconds() ?? TIMEOUT_MS_OF_LAMBDA;
}

/** The input with what is not known before the deployment left out or replaced. */
function knownPart(input: TriggerInput): TriggerInput {
  const { topics } = input;
  const known = Object.entries(input).filter(([, value]) => !Token.isUnresolved(value));
  return {
    ...(Object.fromEntries(known) as Partial<TriggerInput>),
    name: Token.isUnresolved(input.name) ? 'some' : input.name,
    target: Token.isUnresolved(input.target) ? SOME_FUNCTION : input.target,
    topics:
      'names' in topics ? { names: topics.names.map((name, at) => (isKnown(name) ? name : `some-${at}`)) } : topics,
    startingPosition: input.startingPosition,
    filters: input.filters?.filter(isKnown),
  };
}

function isKnown(text: string): boolean {
  return !Token.isUnresolved(text);
}

const PROPERTY_OF_FIELD: Readonly<Record<string, string>> = {
  topics: 'topics',
  topic_pattern: 'topicPattern',
  batch_size: 'batchSize',
  batching_window_ms: 'maxBatchingWindow',
  retry_attempts: 'retryAttempts',
  max_record_age_ms: 'maxRecordAge',
  parallelization_factor: 'parallelizationFactor',
  tumbling_window_ms: 'tumblingWindow',
  timeout_ms: "the function's timeout",
  starting_timestamp: 'startingPositionTimestamp',
  tenant_id: 'tenantId',
};

function named<T>(target: IFunction, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof OptionError || error instanceof MillraceError)) throw error;
    const field = error instanceof MillraceError ? error.facts['field'] : undefined;
    const place = typeof field === 'string' ? `${PROPERTY_OF_FIELD[field] ?? field}: ` : '';
    const sentence = error.message.endsWith('.') ? error.message : `${error.message}.`;
    throw new OptionError(`The Millrace event source of ${target.node.path}: ${place}${sentence}`);
  }
}
