/** The shapes of the dialect's requests and answers, named as the published description names them. */
import { z } from '@hono/zod-openapi';

const integer = () => z.int({ error: 'must be a whole number' });

export const errorSchema = z
  .object({
    error_code: z.int().openapi({ description: 'The status, or five digits that begin with it' }),
    message: z.string(),
  })
  .openapi('Error');

const replicaSchema = z
  .object({ broker: z.int(), leader: z.boolean(), in_sync: z.boolean() })
  .openapi('Replica', { description: 'Brokers are replicas of the stack' });

export const partitionMetadataSchema = z
  .object({ partition: z.int(), leader: z.int(), replicas: z.array(replicaSchema) })
  .openapi('PartitionMetadata');

export const topicMetadataSchema = z
  .object({
    name: z.string(),
    configs: z.record(z.string(), z.string()).openapi({ description: 'The configs that were set' }),
    partitions: z.array(partitionMetadataSchema),
  })
  .openapi('TopicMetadata');

export const offsetsSummarySchema = z
  .object({ beginning_offset: z.int(), end_offset: z.int() })
  .openapi('OffsetsSummary');

const headerSchema = z
  .strictObject({ key: z.string(), value: z.string().nullable().openapi({ format: 'byte' }) })
  .openapi('KafkaHeader');

const embedded = (what: string) =>
  z.unknown().openapi({
    description: `The ${what}: base64 (binary), any JSON (json) or a string (text). null is Kafka's null in all formats`,
  });

const recordToPartitionFields = {
  key: embedded('key').optional(),
  value: embedded('value'),
  timestamp: z.int().optional(),
  headers: z.array(headerSchema).optional(),
};

export const producerRecordListSchema = z
  .strictObject({
    records: z.array(z.strictObject({ ...recordToPartitionFields, partition: z.int().optional() })),
  })
  .openapi('ProducerRecordList');

export const producerRecordToPartitionListSchema = z
  .strictObject({ records: z.array(z.strictObject(recordToPartitionFields)) })
  .openapi('ProducerRecordToPartitionList');

const sentSchema = z
  .object({
    partition: z.int().nullable(),
    offset: z.int().nullable().optional().openapi({ description: 'Absent with async=true' }),
    error_code: z.int().nullable(),
    error: z.string().nullable().openapi({ description: "Confluent's name of the message" }),
    message: z.string().optional(),
  })
  .openapi('OffsetRecordSent');

export const offsetRecordSentListSchema = z
  .object({
    offsets: z.array(sentSchema),
    key_schema_id: z.null(),
    value_schema_id: z.null(),
  })
  .openapi('OffsetRecordSentList');

export const newTopicSchema = z
  .strictObject(
    {
      topic_name: z.string({ error: 'must be a string' }),
      partitions_count: integer().nullable().optional(),
      replication_factor: integer().nullable().optional(),
    },
    { error: 'must be an object' },
  )
  .openapi('NewTopic');

export const bridgeInfoSchema = z.object({ bridge_version: z.string() }).openapi('BridgeInfo');
