import type { Broker } from '../../broker/broker.ts';
import { produceRecords } from '../../broker/produce/produce.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { chunked } from '../../kernel/map-bounded.ts';
import type { NewRecord } from '../../log/record-batch/record.ts';

/**
 * Appends to a topic of the log. Rejects where one of the records has not been written; those before it may have been.
 */
export async function produceAll(broker: Broker, topic: string, records: readonly NewRecord[]): Promise<void> {
  for (const some of chunked(records, requestLimits.recordsPerRequestMax)) {
    const outcomes = await produceRecords(broker, { topic, records: some, acks: 'all' });
    const failed = outcomes.find((outcome) => outcome.outcome === 'failed');
    if (failed !== undefined) throw failed.error;
  }
}
