/**
 * A topic of this log as destination: each record that was given up, with its key, value and headers as they were, and
 * headers that say where it was and what happened. Its timestamp is when it was given up, so that retention counts from
 * then.
 */
import { utf8 } from '../../kernel/bytes.ts';
import type { NewRecord, RecordHeader } from '../../log/record-batch/record.ts';
import type { FailedBatch, TriggerRecord } from '../ports.ts';
import { shortened } from './invocation-record.ts';

export function failedRecords(failed: FailedBatch): NewRecord[] {
  const ofBatch = headers({
    trigger: failed.trigger.name,
    function: failed.trigger.target,
    condition: failed.condition,
    attempts: failed.attempts,
    'request-id': failed.requestId,
    'error-kind': failed.error?.kind,
    'error-message': failed.error === undefined ? undefined : shortened(failed.error).message,
  });
  return failed.records.map((record) => ({
    timestamp: failed.failedMs,
    key: record.key,
    value: record.value,
    headers: [...record.headers, ...ofBatch, ...headers(placeOf(record))],
  }));
}

function placeOf({ topic, partition, offset, timestamp }: TriggerRecord) {
  return { topic, partition, offset, timestamp };
}

/** `millrace.failure.<name>`, each value as text; what is not known is left out. */
function headers(values: Readonly<Record<string, string | number | undefined>>): RecordHeader[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({ key: `millrace.failure.${name}`, value: utf8(String(value)) }));
}
