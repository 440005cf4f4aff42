/** Deleting records over HTTP. */
import type { z } from '@hono/zod-openapi';
import { type DeletionEnd, type DeletionOutcome, deleteRecords } from '../../broker/lifecycle/delete-records.ts';
import { jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { malformedField, problemOf } from '../problems.ts';
import { type deleteRecordsAnswerSchema, deleteRecordsRoute, deleteRecordsSchema } from './delete-records-routes.ts';
import { someFailed } from './failures.ts';
import { jsonBody, mount } from './mount.ts';

export function mountDeleteRecords(door: Door): void {
  const { broker } = door.options;

  mount(door, deleteRecordsRoute, async ({ context, params: { topic } }) => {
    const asked = await jsonBody(door, context, deleteRecordsSchema);
    const partitions = asked.partitions.map((given, index) => ({
      partition: given.partition,
      before: endOf(given, `partitions[${index}]`),
    }));
    const outcomes = await deleteRecords(broker, { topic, partitions });
    const errors = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
    return jsonAnswer(JSON.stringify(answerOf(outcomes)), someFailed(errors, outcomes.length) ? 207 : 200);
  });
}

type Given = z.output<typeof deleteRecordsSchema>['partitions'][number];

function endOf({ before_offset: offset, before_timestamp: timestampMs }: Given, field: string): DeletionEnd {
  if ((offset === undefined) === (timestampMs === undefined)) {
    throw malformedField(field, 'must have one of before_offset and before_timestamp');
  }
  if (timestampMs !== undefined) return { at: 'timestamp', timestampMs };
  return offset === undefined || offset === -1 ? { at: 'high-watermark' } : { at: 'offset', offset };
}

function answerOf(outcomes: readonly DeletionOutcome[]): z.input<typeof deleteRecordsAnswerSchema> {
  return {
    partitions: outcomes.map((outcome) =>
      'error' in outcome
        ? { partition: outcome.partition, error: problemOf(outcome.error) }
        : { partition: outcome.partition, log_start_offset: outcome.logStartOffset },
    ),
  };
}
