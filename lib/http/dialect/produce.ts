/**
 * Produce in the dialect. An answer is 200 whatever became of the records: each has its own error, as in all its
 * servers.
 */
import { produceRecords, type RecordOutcome } from '../../broker/produce/produce.ts';
import { releaseBytes } from '../../kernel/bytes.ts';
import { readBody } from '../body.ts';
import type { Door } from '../door.ts';
import { contentType } from '../media-type.ts';
import { bodySource } from '../native/mount.ts';
import { malformedField } from '../problems.ts';
import { recordCodeOf } from './errors.ts';
import { type EmbeddedFormat, FORMAT_BY_TYPE, PRODUCE_TYPES } from './media-types.ts';
import { type DialectCall, mountDialectRoute } from './mount.ts';
import { partitionOf, topicOf } from './places.ts';
import { sendRoute, sendToPartitionRoute } from './produce-routes.ts';
import { parseRecords } from './record-parser.ts';

export function mountDialectProduce(door: Door): void {
  const { broker } = door.options;
  mountDialectRoute(door, sendRoute, async (call) => {
    const topic = topicOf(call);
    await broker.topics.get(topic);
    return send(door, call, { topic, partition: undefined });
  });
  mountDialectRoute(door, sendToPartitionRoute, async (call) => send(door, call, await partitionOf(broker, call)));
}

async function send(
  door: Door,
  call: DialectCall,
  { topic, partition }: { topic: string; partition: number | undefined },
): Promise<Response> {
  const { context } = call;
  const format = formatOf(context.req.header('content-type'));
  const isAsync = asyncOf(call.query('async'));
  const body = await readBody(bodySource(door, context));
  const records = parseRecords(body, { format, partition });
  const outcomes = await produceRecords(door.options.broker, { topic, records, acks: isAsync ? 'none' : 'all' });
  // The records are views of the body; unanswered for, they may still be written.
  if (!isAsync) releaseBytes(body);
  return call.answer(`{"offsets":[${outcomes.map(sentText).join(',')}],"key_schema_id":null,"value_schema_id":null}`);
}

function formatOf(header: string | undefined): EmbeddedFormat {
  if (header === undefined) return 'binary';
  return FORMAT_BY_TYPE[contentType(header, PRODUCE_TYPES)] ?? 'binary';
}

function asyncOf(text: string | undefined): boolean {
  if (text !== undefined && text !== 'true' && text !== 'false') throw malformedField('async', 'must be true or false');
  return text === 'true';
}

/**
 * One record's fate. Beside what the bridge says there is what Confluent's proxy says, whose clients look for an
 * `error_code` that is null.
 */
function sentText(outcome: RecordOutcome): string {
  switch (outcome.outcome) {
    case 'written':
    case 'duplicate':
      return `{"partition":${outcome.partition},"offset":${outcome.offset},"error_code":null,"error":null}`;
    case 'accepted':
      return `{"partition":${outcome.partition},"error_code":null,"error":null}`;
    case 'failed': {
      const { message } = outcome.error;
      const error_code = recordCodeOf(outcome.error);
      return JSON.stringify({ partition: null, offset: null, error_code, error: message, message });
    }
  }
}
