/**
 * Why the maintenance was woken: by a schedule, for all of it or for merging alone, or by the table's stream, for what
 * appeared there (lib/infra/millrace-maintenance.ts).
 */
import type { DynamoDBBatchResponse, DynamoDBRecord } from 'aws-lambda';
import type { Broker } from '../../lib/broker/broker.ts';
import { type Appeared, appearedAt, takeUp } from '../../lib/broker/take-up.ts';

/** A record of the stream, and what it says is to be done. */
export interface AppearedRecord {
  sequenceNumber: string;
  appeared: Appeared;
}

/** Whether a schedule asks for merging alone. */
export function isForMerging(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'only' in event && event.only === 'merging';
}

/** `undefined`: it comes from a schedule. */
export function appearedIn(event: unknown): AppearedRecord[] | undefined {
  if (typeof event !== 'object' || event === null || !('Records' in event)) return undefined;
  const found: AppearedRecord[] = [];
  for (const { dynamodb } of event.Records as DynamoDBRecord[]) {
    const { pk, sk } = dynamodb?.Keys ?? {};
    const appeared = appearedAt({ pk: pk?.S ?? '', sk: sk?.S ?? '' });
    if (appeared !== undefined) found.push({ sequenceNumber: dynamodb?.SequenceNumber ?? '', appeared });
  }
  return found;
}

/**
 * One after the other, the oldest first. Lambda hands over those again that are not done with, and all behind the first
 * of them, as often as the mapping says: so what takes longer than one run has goes on in the next.
 */
export async function takeUpAll(
  broker: Broker,
  records: readonly AppearedRecord[],
  signal: AbortSignal,
): Promise<DynamoDBBatchResponse> {
  const left: AppearedRecord[] = [];
  for (const record of records) {
    if (signal.aborted || !(await takeUp(broker, record.appeared, signal))) left.push(record);
  }
  return { batchItemFailures: left.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) };
}
