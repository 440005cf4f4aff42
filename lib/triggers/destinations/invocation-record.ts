/**
 * The invocation record that Lambda sends of a batch that a mapping for Kafka gave up, as JSON. What it has not there
 * is `error`, with the function's message, and `payload` in a queue or an SNS topic, where mappings send it to S3 only.
 */
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { type EventOrigin, partitionName, renderEvent } from '../event/render-event.ts';
import { isoMilliseconds } from '../iso-time.ts';
import type { FailedBatch, InvocationError } from '../ports.ts';

export interface InvocationRecord {
  requestContext: {
    requestId: string;
    functionArn: string;
    condition: string;
    approximateInvokeCount: number;
  };
  /** Null where the function has not answered. */
  responseContext: { statusCode: number; functionError: string } | null;
  version: '1.0';
  timestamp: string;
  KafkaBatchInfo: KafkaBatchInfo;
  error?: InvocationError;
  /** The event as JSON in a string. */
  payload?: string;
}

interface KafkaBatchInfo {
  batchSize: number;
  eventSourceArn?: string;
  bootstrapServers: string;
  payloadSize: number;
  /** By topic and partition, as `orders-3`; offsets are strings. */
  recordsInfo: Record<string, RecordsInfo>;
}

interface RecordsInfo {
  firstRecordOffset: string;
  lastRecordOffset: string;
  firstRecordTimestamp: string;
  lastRecordTimestamp: string;
}

/** With its payload; what has no room for it leaves that out. */
export function invocationRecord(failed: FailedBatch, origin: EventOrigin): InvocationRecord & { payload: string } {
  const payload = renderEvent(failed, origin);
  const error = failed.error === undefined ? {} : { error: shortened(failed.error) };
  return {
    requestContext: {
      requestId: failed.requestId ?? '',
      functionArn: failed.trigger.target,
      condition: CONDITIONS[failed.condition] ?? failed.condition,
      approximateInvokeCount: failed.attempts,
    },
    responseContext: responseContext(failed.error),
    version: '1.0',
    timestamp: isoMilliseconds(failed.failedMs),
    KafkaBatchInfo: {
      batchSize: failed.records.length,
      ...(failed.trigger.eventShape === 'msk' ? { eventSourceArn: origin.eventSourceArn } : {}),
      bootstrapServers: origin.bootstrapServers,
      payloadSize: payload.length,
      recordsInfo: recordsInfo(failed),
    },
    ...error,
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString(),
  };
}

/** JSON in ASCII: queues and SNS topics refuse some of the characters that headers and messages may have. */
export function asciiJson(record: InvocationRecord): string {
  return JSON.stringify(record).replaceAll(/[\u007f-\uffff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export function shortened({ kind, message }: InvocationError): InvocationError {
  return { kind, message: message.slice(0, triggerLimits.failureMessageLengthMax) };
}

/** The word of the records that mappings send to queues, SNS topics and buckets; topics of Kafka get the other one. */
const CONDITIONS: Readonly<Record<string, string>> = { RetriesExhausted: 'RetryAttemptsExhausted' };

/** Lambda's own words for errors of a function; anything else has kept the function from answering. */
const FUNCTION_ERRORS: ReadonlySet<string> = new Set(['Handled', 'Unhandled']);

function responseContext(error: InvocationError | undefined): InvocationRecord['responseContext'] {
  if (error === undefined || !FUNCTION_ERRORS.has(error.kind)) return null;
  return { statusCode: 200, functionError: error.kind };
}

function recordsInfo(failed: FailedBatch): KafkaBatchInfo['recordsInfo'] {
  const { offsets, timestamps } = failed;
  if (offsets === undefined || timestamps === undefined) return {};
  return {
    [partitionName(failed)]: {
      firstRecordOffset: String(offsets.first),
      lastRecordOffset: String(offsets.last),
      firstRecordTimestamp: isoMilliseconds(timestamps.firstMs),
      lastRecordTimestamp: isoMilliseconds(timestamps.lastMs),
    },
  };
}
