/**
 * The table of topic configs: all names that Kafka 4 knows (its TopicConfig and LogConfig; the two replication quotas
 * are from QuotaConfig) and Millrace's own, with types, defaults and what is allowed. Defaults are Kafka's; where the
 * allowed range is narrower than Kafka's, the row says why.
 */
import { topicLimits } from '../../kernel/limits/topics.ts';
import { ARCHIVE_CLASSES } from '../segment/archive-class.ts';

/**
 * What a config does in Millrace:
 * - `now`: obeyed;
 * - `later`: stored, and obeyed once the function it belongs to (lifecycle) is there;
 * - `never`: accepted so that Kafka's tools work unchanged, but about something that Millrace does not have.
 */
export type ConfigEffect = 'now' | 'later' | 'never';

interface ConfigCommon {
  /** As text, as Kafka documents it. */
  default: string;
  effect: ConfigEffect;
  /** What it controls; for `never` and for differences to Kafka, why. */
  about: string;
  /** Set at creation only. */
  fixed?: true;
}

export interface NumberRow {
  type: 'int' | 'long' | 'double';
  min?: number;
  max?: number;
  /** One value outside of the range. */
  also?: number;
}

export type ConfigRow = ConfigCommon &
  (
    | NumberRow
    | { type: 'boolean' }
    | { type: 'string'; oneOf: readonly string[] }
    | { type: 'text'; lengthMax: number }
    | { type: 'list'; anyOf: readonly string[] }
    | { type: 'replicas' }
  );

/** Java's Long.MAX_VALUE, Kafka's way to say "no limit". */
const UNLIMITED = '9223372036854775807';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;

export const topicConfigTable = {
  // Records
  'max.message.bytes': {
    type: 'int',
    default: '1048588',
    min: 0,
    max: topicLimits.messageBytesMax,
    effect: 'now',
    about: 'Largest record batch. At most 4 MiB, unlike in Kafka: no door takes a larger body.',
  },
  'message.timestamp.type': {
    type: 'string',
    default: 'CreateTime',
    oneOf: ['CreateTime', 'LogAppendTime'],
    effect: 'now',
    about: 'Whose clock stamps the records: the producer or the log.',
  },
  'message.timestamp.before.max.ms': {
    type: 'long',
    default: UNLIMITED,
    min: 0,
    effect: 'now',
    about: 'How far in the past a CreateTime timestamp may lie.',
  },
  'message.timestamp.after.max.ms': {
    type: 'long',
    default: String(HOUR_MS),
    min: 0,
    effect: 'now',
    about: 'How far in the future a CreateTime timestamp may lie.',
  },
  'compression.type': {
    type: 'string',
    default: 'producer',
    oneOf: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    effect: 'now',
    about: "The codec that batches are stored with; `producer` keeps the producer's.",
  },
  'compression.gzip.level': {
    type: 'int',
    default: '-1',
    min: 1,
    max: 9,
    also: -1,
    effect: 'never',
    about: "Effort of gzip. The codecs run at their libraries' default levels.",
  },
  'compression.lz4.level': {
    type: 'int',
    default: '9',
    min: 1,
    max: 17,
    effect: 'never',
    about: "Effort of lz4. The codecs run at their libraries' default levels.",
  },
  'compression.zstd.level': {
    type: 'int',
    default: '3',
    min: -131072,
    max: 22,
    effect: 'never',
    about: "Effort of zstd. The codecs run at their libraries' default levels.",
  },

  // Layout
  'ledger.partitions': {
    type: 'int',
    default: String(topicLimits.partitionsPerLedgerMax),
    min: 1,
    max: topicLimits.partitionsPerLedgerMax,
    fixed: true,
    effect: 'now',
    about: "Millrace's own: partitions that share one ledger item. Fewer cost more per commit and commit more often.",
  },

  // Partitioning
  partitioner: {
    type: 'string',
    default: 'key',
    oneOf: ['key', 'tenant', 'round-robin'],
    effect: 'now',
    about:
      "Millrace's own: where records go that name no partition. `key`: by the key's hash, as Kafka's clients do, those without key together; `tenant`: by the hash of their tenant; `round-robin`: in turn. It decides for HTTP; Kafka's clients decide themselves.",
  },
  'partitioner.tenant.header': {
    type: 'text',
    lengthMax: 255,
    default: '',
    effect: 'now',
    about:
      "Millrace's own: the header that names a record's tenant, with `partitioner=tenant`. Where empty, the key up to the separator does. A record without tenant is refused.",
  },
  'partitioner.tenant.separator': {
    type: 'text',
    lengthMax: 255,
    default: ':',
    effect: 'now',
    about: "Millrace's own: what ends the tenant in a key. A key without it is all tenant.",
  },

  // Lifecycle
  'cleanup.policy': {
    type: 'list',
    default: 'delete',
    anyOf: ['delete', 'compact'],
    effect: 'now',
    about:
      'Whether old records are deleted, compacted by key, or both; empty keeps everything. With compact, records without a key are refused.',
  },
  'retention.ms': {
    type: 'long',
    default: String(7 * DAY_MS),
    min: -1,
    effect: 'now',
    about: 'How long records are kept at least under the policy `delete`, by their timestamps; -1 for ever.',
  },
  'retention.bytes': {
    type: 'long',
    default: '-1',
    effect: 'now',
    about: 'How many bytes a partition keeps at least under the policy `delete`; -1 for any.',
  },
  'delete.retention.ms': {
    type: 'long',
    default: String(DAY_MS),
    min: 0,
    effect: 'now',
    about: 'How long compaction keeps a tombstone, from when it is first compacted on.',
  },
  'min.compaction.lag.ms': {
    type: 'long',
    default: '0',
    min: 0,
    effect: 'now',
    about: 'How long a record stays uncompacted at least. Not above max.compaction.lag.ms.',
  },
  'max.compaction.lag.ms': {
    type: 'long',
    default: UNLIMITED,
    min: 1,
    effect: 'now',
    about:
      'How long a record stays uncompacted at most, and a while longer: compaction looks once an hour, on a local server every ten minutes.',
  },
  'min.cleanable.dirty.ratio': {
    type: 'double',
    default: '0.5',
    min: 0,
    max: 1,
    effect: 'now',
    about: 'The share of uncompacted bytes that starts a compaction.',
  },
  'segment.bytes': {
    type: 'int',
    default: String(1024 * MIB),
    min: MIB,
    effect: 'later',
    about: 'Largest merged segment.',
  },
  'segment.ms': {
    type: 'long',
    default: String(7 * DAY_MS),
    min: 1,
    effect: 'later',
    about: 'How long a merged segment may take records in.',
  },
  'archive.storage.class': {
    type: 'string',
    default: '',
    oneOf: ['', ...ARCHIVE_CLASSES],
    effect: 'now',
    about:
      "Millrace's own: the S3 storage class that old merged segments of 4 MiB or more are moved to, all of which are read at once; empty moves none, and none back. They cost less to keep and more to read, and are billed for a while after they are deleted.",
  },
  'archive.after.ms': {
    type: 'long',
    default: String(30 * DAY_MS),
    min: 0,
    effect: 'now',
    about:
      "Millrace's own: how old all records of a merged segment, and of those before it, are when it is moved to archive.storage.class.",
  },

  // Replication
  'min.insync.replicas': {
    type: 'int',
    default: '1',
    min: 1,
    effect: 'now',
    about:
      'In-sync replicas that a write with acks=all needs. Above the replication factor every such write is refused, as in Kafka.',
  },
  'unclean.leader.election.enable': {
    type: 'boolean',
    default: 'false',
    effect: 'now',
    about:
      'Whether a replica that is not in sync may become leader. No offset is given twice, unlike in Kafka: what may be lost is passed over.',
  },
  'leader.replication.throttled.replicas': {
    type: 'replicas',
    default: '',
    effect: 'never',
    about: 'There is no follower traffic to throttle: writers upload to every replica.',
  },
  'follower.replication.throttled.replicas': {
    type: 'replicas',
    default: '',
    effect: 'never',
    about: 'There is no follower traffic to throttle: writers upload to every replica.',
  },

  // Files of a broker's disk
  'segment.jitter.ms': {
    type: 'long',
    default: '0',
    min: 0,
    effect: 'never',
    about: 'Segments are not rolled by a timer that could stampede.',
  },
  'segment.index.bytes': {
    type: 'int',
    default: String(10 * MIB),
    min: 4,
    effect: 'never',
    about: 'There are no index files: positions are in the ledger and in segment footers.',
  },
  'index.interval.bytes': {
    type: 'int',
    default: '4096',
    min: 0,
    effect: 'never',
    about: 'There are no index files: positions are in the ledger and in segment footers.',
  },
  'flush.messages': {
    type: 'long',
    default: UNLIMITED,
    min: 1,
    effect: 'never',
    about: 'Records are stored durably before they are acknowledged.',
  },
  'flush.ms': {
    type: 'long',
    default: UNLIMITED,
    min: 0,
    effect: 'never',
    about: 'Records are stored durably before they are acknowledged.',
  },
  'file.delete.delay.ms': {
    type: 'long',
    default: String(MINUTE_MS),
    min: 0,
    effect: 'never',
    about: 'A reader whose object is gone reads the ledger again, so nothing needs to linger.',
  },
  preallocate: {
    type: 'boolean',
    default: 'false',
    effect: 'never',
    about: 'There are no files to preallocate.',
  },
  'remote.storage.enable': {
    type: 'boolean',
    default: 'false',
    effect: 'never',
    about: 'All records live in object storage from the start.',
  },
  'remote.log.copy.disable': {
    type: 'boolean',
    default: 'false',
    effect: 'never',
    about: 'All records live in object storage from the start.',
  },
  'remote.log.delete.on.disable': {
    type: 'boolean',
    default: 'false',
    effect: 'never',
    about: 'All records live in object storage from the start.',
  },
  'remote.copy.lag.ms': {
    type: 'long',
    default: '0',
    min: -1,
    effect: 'never',
    about: 'All records live in object storage from the start.',
  },
  'remote.copy.lag.bytes': {
    type: 'long',
    default: '0',
    min: -1,
    effect: 'never',
    about: 'All records live in object storage from the start.',
  },
  'local.retention.ms': {
    type: 'long',
    default: '-2',
    min: -2,
    effect: 'never',
    about: 'There is no local copy whose retention could differ.',
  },
  'local.retention.bytes': {
    type: 'long',
    default: '-2',
    min: -2,
    effect: 'never',
    about: 'There is no local copy whose retention could differ.',
  },
} as const satisfies Record<string, ConfigRow>;
