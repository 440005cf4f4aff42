/**
 * What the package exports as `millrace` and `millrace/client`. Nothing in this repository imports this file.
 */
export { type Effect } from '../kernel/errors.ts';
export {
  COMPRESSION_TYPES,
  type Compression,
  type CompressionType,
  noCompression,
} from '../log/record-batch/compression.ts';
export { type DecodeOptions, records as decodeBatches } from '../log/record-batch/decode.ts';
export { type EncodeOptions, encodeBatch } from '../log/record-batch/encode.ts';
export type { LogRecord, NewRecord, RecordHeader } from '../log/record-batch/record.ts';
export type { Acks, JsonValue } from './api.ts';
export {
  type ClientOptions,
  createClient,
  type MillraceClient,
  type ProduceBatchesResult,
  type ProduceOptions,
  type ProduceResult,
} from './client.ts';
export type { CommittedOffset } from './committed-offsets.ts';
export type {
  CommittableOffset,
  Consumer,
  GroupMetadata,
} from './consumer/consumer.ts';
export type { Deserializer } from './consumer/deserializers.ts';
export type { ConsumerOptions, TopicPartition } from './consumer/options.ts';
export {
  type CommitOptions,
  type ConsumerBatch,
  type ConsumerRecord,
  DeserializationError,
} from './consumer/record.ts';
export type { ConsumerState, PollStep, StepOptions } from './consumer/step.ts';
export type { DirectReadingOptions } from './direct/options.ts';
export type {
  CreateErasureOptions,
  ErasedPartition,
  ErasureDetails,
  ErasurePage,
  ErasureState,
  ErasureSummary,
  ErasuresClient,
} from './erasures.ts';
export { type ClientErrorCode, MillraceClientError } from './errors.ts';
export type {
  FetchBatchesResult,
  FetchLimits,
  FetchOptions,
  FetchPosition,
  FetchResult,
  OffsetResult,
} from './fetch.ts';
export type {
  GroupDetails,
  GroupMember,
  GroupPage,
  GroupPartition,
  GroupState,
  GroupSummary,
  GroupsClient,
  OffsetReset,
  ResetOffset,
} from './groups.ts';
export type { ApiKey, ApiKeyPage, KeysClient, NewApiKey, Scope } from './keys.ts';
export type { ProducerOptions } from './producer/options.ts';
export {
  type Partitioner,
  type PartitionerName,
  partitionForKey,
  type RecordToPartition,
} from './producer/partitioners.ts';
export type { Producer } from './producer/producer.ts';
export { type Delivery, type DeliveryResult, type ProducerRecord, type Receipt, SendError } from './producer/record.ts';
export { bytes, json, type Serializer, text } from './producer/serializers.ts';
export type { ReaderOptions } from './reader/options.ts';
export type { PartitionReader, ReadBatches } from './reader/partition-reader.ts';
export type { ClientRecord, Content, ContentForm, ContentOf, NewClientRecord } from './records.ts';
export type {
  AlterTopicOptions,
  CreateTopicOptions,
  ListTopicsOptions,
  PartitionDetails,
  RecordDeletion,
  RecordDeletionResult,
  TopicDetails,
  TopicPage,
  TopicSummary,
  TopicsClient,
} from './topics.ts';
export type { GroupOffsets, Transaction, TransactionOptions, TransactionResult } from './transaction.ts';
export type {
  AlterTriggerOptions,
  CreateTriggerOptions,
  ReplayedPartition,
  ReplayOptions,
  TriggerDetails,
  TriggerError,
  TriggerFailureTarget,
  TriggerPage,
  TriggerPartition,
  TriggerSettings,
  TriggerState,
  TriggerSummary,
  TriggersClient,
} from './triggers.ts';
