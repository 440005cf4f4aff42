/** Erasures over HTTP. */
import type { z } from '@hono/zod-openapi';
import { createErasure } from '../../broker/erasures/create-erasure.ts';
import { deleteErasure } from '../../broker/erasures/delete-erasure.ts';
import { type DescribedErasure, describe, describeErasure } from '../../broker/erasures/describe-erasure.ts';
import { listErasures } from '../../broker/erasures/list-erasures.ts';
import { utf8 } from '../../kernel/bytes.ts';
import type { Subject } from '../../log/erasure/erase.ts';
import type { ErasureTopics } from '../../log/erasure/erasure-item.ts';
import { emptyAnswer, jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { malformedField } from '../problems.ts';
import {
  createErasureRoute,
  createErasureSchema,
  deleteErasureRoute,
  type describedErasureSchema,
  describeErasureRoute,
  type erasureSchema,
  listErasuresRoute,
} from './erasures-routes.ts';
import { jsonBody, mount } from './mount.ts';

export function mountErasures(door: Door): void {
  const { broker } = door.options;

  mount(door, createErasureRoute, async ({ context }) => {
    const body = await jsonBody(door, context, createErasureSchema);
    const created = await createErasure(broker, { topics: topicsOf(body), subject: subjectOf(body) });
    return jsonAnswer(JSON.stringify(describedAnswer(created)), 202);
  });

  mount(door, listErasuresRoute, async ({ query }) => {
    const { erasures, next } = await listErasures(broker, query);
    return jsonAnswer(JSON.stringify({ erasures: erasures.map((one) => erasureAnswer(describe(one, []))), next }));
  });

  mount(door, describeErasureRoute, async ({ params }) =>
    jsonAnswer(JSON.stringify(describedAnswer(await describeErasure(broker, params.id)))),
  );

  mount(door, deleteErasureRoute, async ({ params }) => {
    await deleteErasure(broker, params.id);
    return emptyAnswer(204);
  });
}

type Body = z.output<typeof createErasureSchema>;

function topicsOf({ topics, topic_pattern: pattern }: Body): ErasureTopics {
  if (topics !== undefined && pattern === undefined) return { names: topics };
  if (pattern !== undefined && topics === undefined) return { pattern };
  throw malformedField('topics', 'must be there, or topic_pattern, and not both');
}

function subjectOf({ key, key_base64: keyBase64, header }: Body): Subject {
  if ([key, keyBase64, header].filter((one) => one !== undefined).length !== 1) {
    throw malformedField('key', 'must be there, or key_base64, or header, and only one of them');
  }
  if (key !== undefined) return { kind: 'key', key: bytesOf('key', key) };
  if (keyBase64 !== undefined) return { kind: 'key', key: fromBase64('key_base64', keyBase64) };
  const { key: name, value, value_base64: valueBase64 } = header as NonNullable<typeof header>;
  if ((value === undefined) === (valueBase64 === undefined)) {
    throw malformedField('header', 'must have one of value and value_base64');
  }
  const bytes =
    value === undefined ? fromBase64('header.value_base64', valueBase64 as string) : bytesOf('header.value', value);
  if (!name.isWellFormed()) throw malformedField('header.key', HALF);
  return { kind: 'header', name, value: bytes };
}

const HALF = 'must not have half of a surrogate pair';

function bytesOf(field: string, text: string): Uint8Array {
  if (!text.isWellFormed()) throw malformedField(field, HALF);
  return utf8(text);
}

function fromBase64(field: string, text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64').replaceAll('=', '') !== text.replaceAll('=', '')) {
    throw malformedField(field, 'must be base64');
  }
  return new Uint8Array(bytes);
}

function erasureAnswer({ erasure, phase, createdMs, completeMs }: DescribedErasure): z.input<typeof erasureSchema> {
  const { id, topics, match, doneMs, objectsDeleted } = erasure;
  return {
    id,
    state: phase,
    ...('names' in topics ? { topics: [...topics.names] } : { topic_pattern: topics.pattern }),
    match: match.kind === 'key' ? { kind: 'key' } : { kind: 'header', header: match.name },
    created_at: createdMs,
    ...(completeMs !== undefined && { complete_after: completeMs }),
    ...(doneMs !== undefined && { completed_at: doneMs }),
    objects_deleted: objectsDeleted,
  };
}

function describedAnswer(described: DescribedErasure): z.input<typeof describedErasureSchema> {
  const { partitions, problems } = described;
  return {
    ...erasureAnswer(described),
    records_removed: partitions.reduce((sum, { removed }) => sum + removed, 0),
    segments_rewritten: partitions.reduce((sum, { segments }) => sum + segments, 0),
    problems,
    partitions: partitions.map(({ topic, partition, end, erasedTo, removed, segments }) => ({
      topic,
      partition,
      end_offset: end,
      erased_offset: erasedTo,
      records_removed: removed,
      segments_rewritten: segments,
    })),
  };
}
