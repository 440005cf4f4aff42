/** Produce over HTTP: JSON, lines of JSON, and whole record batches. */
import type { Context } from 'hono';
import { type ProduceRecord, produceRecords, type RequestSequence } from '../../broker/produce/produce.ts';
import { produceBatches } from '../../broker/produce/produce-batches.ts';
import type { Principal } from '../../coordination/tenants/principal.ts';
import { releaseBytes } from '../../kernel/bytes.ts';
import { jsonAnswer, typedAnswer } from '../answer.ts';
import { readBody } from '../body.ts';
import type { Door, DoorEnv } from '../door.ts';
import { BATCHES_TYPE, contentType, JSON_TYPE, NDJSON_TYPE } from '../media-type.ts';
import { malformedField } from '../problems.ts';
import { bodySource, mount } from './mount.ts';
import { duplicateHeaders, outcomeText, statusOf } from './produce-answer.ts';
import { produceLines } from './produce-lines.ts';
import { produceRoute, produceToPartitionRoute } from './produce-routes.ts';
import { type ProduceTarget, requireSamePartition } from './produce-target.ts';
import { DUPLICATE_HEADER, producerSequence, refuseProducerHeaders } from './producer-headers.ts';
import { acksOf, parseProduceRequest } from './record-parser.ts';

export function mountProduce(door: Door): void {
  mount(door, produceRoute, async ({ context, principal, params, query }) => {
    const type = contentType(context.req.header('content-type'), [JSON_TYPE, NDJSON_TYPE]);
    const target = {
      topic: params.topic,
      acks: query.acks && acksOf(query.acks),
      expectedOffset: query.expected_offset,
      producer: producerOf(context, principal),
    };
    return type === JSON_TYPE ? produceJson(door, context, target) : produceLines(door, context, target);
  });

  mount(door, produceToPartitionRoute, async ({ context, principal, params, query }) => {
    const type = contentType(context.req.header('content-type'), [JSON_TYPE, NDJSON_TYPE, BATCHES_TYPE]);
    const { topic, partition } = params;
    const target = { topic, partition, acks: query.acks && acksOf(query.acks), expectedOffset: query.expected_offset };
    switch (type) {
      case JSON_TYPE:
        return produceJson(door, context, { ...target, producer: producerOf(context, principal) });
      case NDJSON_TYPE:
        return produceLines(door, context, { ...target, producer: producerOf(context, principal) });
      case BATCHES_TYPE:
        refuseProducerHeaders((name) => context.req.header(name));
        return produceRaw(door, context, { ...target, partition, principal: principal?.id ?? '' });
    }
  });
}

function producerOf({ req }: Context<DoorEnv>, principal: Principal | undefined): RequestSequence | undefined {
  return producerSequence((name) => req.header(name), principal?.id ?? '');
}

async function produceJson(door: Door, context: Context<DoorEnv>, target: ProduceTarget): Promise<Response> {
  const body = await readBody(bodySource(door, context));
  const request = parseProduceRequest(body);
  const acks = agreed('acks', request.acks, target.acks) ?? 'all';
  const outcomes = await produceRecords(door.options.broker, {
    topic: target.topic,
    records: inPartition(request.records, target.partition),
    acks,
    expectedOffset: agreed('expected_offset', request.expectedOffset, target.expectedOffset),
    producer: target.producer,
  });
  // The records are views of the body; unanswered for, they may still be written.
  if (acks !== 'none') releaseBytes(body);
  const status = statusOf(outcomes);
  let text = '{"records":[';
  for (let index = 0; index < outcomes.length; index++) {
    if (index > 0) text += ',';
    text += outcomeText(outcomes[index] as (typeof outcomes)[number]);
  }
  return jsonAnswer(`${text}]}`, status, duplicateHeaders(outcomes));
}

async function produceRaw(
  door: Door,
  context: Context<DoorEnv>,
  target: ProduceTarget & { partition: number; principal: string },
): Promise<Response> {
  const { acks = 'all', partition } = target;
  const batches = await readBody(bodySource(door, context));
  const written = await produceBatches(door.options.broker, { ...target, batches, acks });
  const headers: Record<string, string> = written.duplicate ? { [DUPLICATE_HEADER]: 'true' } : {};
  const answer = { partition, base_offset: written.baseOffset, record_count: written.recordCount };
  return typedAnswer(JSON.stringify(answer), JSON_TYPE, {
    status: written.baseOffset === undefined ? 202 : 200,
    headers,
  });
}

/** The records with the path's partition; a record may repeat it, but not name another. */
function inPartition(records: ProduceRecord[], partition: number | undefined): ProduceRecord[] {
  if (partition === undefined) return records;
  for (const [index, record] of records.entries()) {
    requireSamePartition(record, partition, `records[${index}].partition`);
    record.partition = partition;
  }
  return records;
}

/** What the body or the query string says, or both where they say the same. */
function agreed<Value>(field: string, inBody: Value | undefined, inQuery: Value | undefined): Value | undefined {
  if (inBody !== undefined && inQuery !== undefined && inBody !== inQuery) {
    throw malformedField(field, 'is one thing in the body and another in the query string');
  }
  return inBody ?? inQuery;
}
