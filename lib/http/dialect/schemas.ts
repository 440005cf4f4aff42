/** The shapes of the dialect's requests and answers, named as the published description names them. */
import { z } from '@hono/zod-openapi';
import { INSTANCE_FORMATS, INSTANCE_RESETS } from '../../coordination/groups/instance-item.ts';

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

const notAnObject = { error: 'must be an object' };
const text = () => z.string({ error: 'must be a string' });
const offset = (what: string) => z.int({ error: what }).min(0, { error: what });
const wholeNumber = () => offset('must be a whole number from 0 to 2^53 − 1');

/** Confluent's clients send numbers and booleans as text. */
const textualNumber = () =>
  z
    .union(
      [
        wholeNumber(),
        z
          .string()
          .regex(/^\d{1,15}$/, { error: 'must be a whole number from 0 to 2^53 − 1' })
          .transform(Number),
      ],
      {
        error: 'must be a whole number from 0 to 2^53 − 1',
      },
    )
    .openapi({ type: 'integer' });

const textualBoolean = () =>
  z
    .union([z.boolean(), z.enum(['true', 'false']).transform((given) => given === 'true')], {
      error: 'must be true or false',
    })
    .openapi({ type: 'boolean' });

export const consumerSchema = z
  .strictObject(
    {
      name: text().optional(),
      format: z.enum(INSTANCE_FORMATS, { error: `must be one of ${INSTANCE_FORMATS.join(', ')}` }).optional(),
      'auto.offset.reset': z
        .enum(INSTANCE_RESETS, { error: `must be one of ${INSTANCE_RESETS.join(', ')}` })
        .optional(),
      'fetch.min.bytes': textualNumber().optional(),
      'consumer.request.timeout.ms': textualNumber().optional(),
      'enable.auto.commit': textualBoolean().optional(),
      'auto.commit.enable': textualBoolean().optional().openapi({ description: "Confluent's name of the same" }),
      'isolation.level': z
        .enum(['read_uncommitted', 'read_committed'], { error: 'must be read_uncommitted or read_committed' })
        .optional(),
    },
    notAnObject,
  )
  .openapi('Consumer');

export const createdConsumerSchema = z
  .object({ instance_id: z.string(), base_uri: z.string() })
  .openapi('CreatedConsumer');

export const topicsSchema = z
  .strictObject(
    {
      topics: z.array(text(), { error: 'must be an array of names' }).optional(),
      topic_pattern: text().optional(),
    },
    notAnObject,
  )
  .openapi('Topics');

export const subscribedTopicListSchema = z
  .object({
    topics: z.array(z.string()),
    partitions: z.array(z.record(z.string(), z.array(z.int()))),
  })
  .openapi('SubscribedTopicList');

const partitionSchema = z.strictObject({ topic: text(), partition: wholeNumber() }, notAnObject).openapi('Partition');

export const partitionsSchema = z
  .strictObject({ partitions: z.array(partitionSchema, { error: 'must be an array of partitions' }) }, notAnObject)
  .openapi('Partitions');

const offsetSchema = z
  .strictObject(
    { topic: text(), partition: wholeNumber(), offset: wholeNumber(), metadata: text().nullable().optional() },
    notAnObject,
  )
  .openapi('OffsetCommitSeek');

export const offsetsSchema = z
  .strictObject({ offsets: z.array(offsetSchema, { error: 'must be an array of offsets' }) }, notAnObject)
  .openapi('OffsetCommitSeekList');

export const consumerRecordListSchema = z
  .array(
    z
      .object({
        topic: z.string(),
        key: z.unknown(),
        value: z.unknown(),
        partition: z.int(),
        offset: z.int(),
        timestamp: z.int(),
        headers: z.array(headerSchema).optional(),
      })
      .openapi('ConsumerRecord'),
  )
  .openapi('ConsumerRecordList');
