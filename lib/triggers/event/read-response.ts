/**
 * What a function's answer says of its batch, as Lambda reads it (`ReportBatchItemFailures`): nothing, or no failures,
 * is success; a failure that cannot be read, or of a record that was not in the batch, fails all of it; of several, the
 * first record counts, and all from there on is delivered again.
 *
 * A record is named as mappings for Kafka have it, `{"partition": "orders-0", "offset": 17}`, or as
 * `@middy/event-batch-response` does, `"orders-0-17"`.
 */
import type { BatchResponse, EventBatch } from '../ports.ts';
import { partitionName } from './render-event.ts';

export function readResponse(response: unknown, batch: EventBatch): BatchResponse {
  const empty = response === undefined || response === null || response === '';
  const fields = empty ? {} : response;
  const { reportBatchItemFailures } = batch.trigger;
  if (!isObject(fields)) {
    // Without either feature a function may return what it likes.
    if (!reportBatchItemFailures && batch.window === undefined) return { outcome: 'done' };
    return unreadable('the answer is not an object');
  }
  const state = batch.window === undefined ? {} : { state: fields.state };
  if (batch.window !== undefined && !batch.window.isFinal && fields.state === undefined) {
    return unreadable('the answer has no state, which a window goes on with');
  }
  if (!reportBatchItemFailures) return { outcome: 'done', ...state };
  const failures = fields.batchItemFailures ?? [];
  if (!Array.isArray(failures)) return unreadable('batchItemFailures is not a list');
  const first = firstFailure(failures, batch);
  if (typeof first === 'string') return unreadable(first);
  return first === undefined
    ? { outcome: 'done', ...state }
    : { outcome: 'partial', firstFailedOffset: first, ...state };
}

/** The least offset, `undefined` where nothing failed, or why the list cannot be read. */
function firstFailure(failures: readonly unknown[], batch: EventBatch): number | string | undefined {
  const delivered = new Set(batch.records.map((record) => record.offset));
  let first: number | undefined;
  for (const [index, failure] of failures.entries()) {
    const offset = isObject(failure) ? failedOffset(failure.itemIdentifier, partitionName(batch)) : undefined;
    if (offset === undefined || !delivered.has(offset)) {
      return `batchItemFailures[${index}] does not name a record of the batch`;
    }
    first = Math.min(first ?? offset, offset);
  }
  return first;
}

function failedOffset(identifier: unknown, partition: string): number | undefined {
  if (typeof identifier === 'string') {
    const prefix = `${partition}-`;
    const digits = identifier.slice(prefix.length);
    return identifier.startsWith(prefix) && /^\d{1,16}$/.test(digits) ? Number(digits) : undefined;
  }
  if (!isObject(identifier) || identifier.partition !== partition) return undefined;
  return typeof identifier.offset === 'number' ? identifier.offset : undefined;
}

function unreadable(reason: string): BatchResponse {
  return { outcome: 'unreadable', reason };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
