/**
 * What becomes of each of librdkafka's tests that need a broker, and why of those that don't pass.
 * docs/kafka-compatibility.md says what they are about.
 */

/** Of groups: which of them the tests are run with. Those of share groups (KIP-932) are tests of their own. */
export type Protocol = 'classic' | 'consumer' | 'share';
export const PROTOCOLS: readonly Protocol[] = ['classic', 'consumer', 'share'];

export type Outcome = 'passed' | 'failed' | 'skipped itself' | 'left out' | 'did not end';

export interface Expectation {
  outcome: Outcome;
  /** Where it does not pass. */
  why?: string;
  /** Whether it is among those that pass or fail: they say something here, and need nothing that is not supported. */
  counts: boolean;
}

/** Over within seconds, of producers, and of consumers that assign their partitions themselves. */
const QUICK = `
  0001_multiobj 0002_unkpart 0003_msgmaxsize 0005_order 0007_autotopic 0008_reqacks 0011_produce_batch 0012_produce_consume
  0013_null_msgs 0016_client_swname 0017_compression 0020_destroy_hang 0021_rkt_destroy 0022_consume_batch 0029_assign_offset
  0031_get_offsets 0034_offset_reset 0035_api_version 0036_partial_fetch 0039_event_dr 0042_many_topics 0044_partition_cnt 0048_partitioner
  0053_stats 0054_offset_time 0057_invalid_topic 0059_bsearch 0063_clusterid 0064_interceptors 0065_yield 0068_produce_timeout
  0070_null_empty 0073_headers 0085_headers 0086_purge_remote 0090_idempotence 0125_immediate_flush`;
/** The same of members of groups, and of commits. */
const QUICK_OF_GROUPS = `
  0019_list_groups 0030_offset_commit 0040_io_event 0051_assign_adds 0056_balanced_group_mt 0060_op_prio 0067_empty_topic
  0099_commit_metadata 0102_static_group_rebalance 0112_assign_unknown_part 0130_store_offsets 0140_commit_metadata`;
const SLOW = `
  0014_reconsume_191 0015_offsets_seek 0018_cgrp_term 0026_consume_pause 0033_regex_subscribe 0038_performance 0041_fetch_max_bytes
  0045_subscribe_update 0045_subscribe_many_updates 0049_consume_conn_close 0050_subscribe_adds 0052_msg_timestamps
  0055_producer_latency 0069_consumer_add_parts 0075_retry 0076_produce_retry 0077_compaction 0082_fetch_max_bytes 0083_cb_event
  0088_produce_metadata_timeout 0089_max_poll_interval 0091_max_poll_interval_timeout 0093_holb_consumer 0094_idempotence_msg_timeout
  0101_fetch_from_follower 0107_topic_recreate 0110_batch_size 0111_delay_create_topics 0113_cooperative_rebalance
  0114_sticky_partitioning 0118_commit_rebalance 0122_buffer_cleaning_after_rebalance 0123_connections_max_idle 0127_fetch_queue_backoff
  0129_fetch_aborted_msgs 0135_sasl_credentials 0142_reauthentication`;
const ONLY_CLASSIC = `
  0045_resubscribe_with_regex 0045_subscribe_update_topic_remove 0045_subscribe_update_non_exist_and_partchange 0084_destroy_flags
  0132_strategy_ordering`;
const SHARE = `
  0170_share_consumer_subscription 0171_share_consumer_consume 0172_share_consumer_acknowledge 0174_share_consumer_concurrency 0175_share_consumer_groups 0176_share_consumer_commit_sync
  0178_share_consumer_close 0179_share_consumer_destroy 0180_share_consumer_config 0181_share_consumer_topic_delete
  0184_share_consumer_topic_recreate 0185_share_consumer_max_poll_interval`;

/** They use librdkafka's own mock of a broker, and are not marked so. */
export const WITHOUT_BROKER: ReadonlySet<string> = new Set(['0139_offset_validation_mock', '0150_telemetry_mock']);

const fails = (why: string): Expectation => ({ outcome: 'failed', why, counts: true });
const unsupported = (what: string): Expectation => ({
  outcome: 'failed',
  why: `not supported: ${what}`,
  counts: false,
});
const skips = (why: string): Expectation => ({ outcome: 'skipped itself', why, counts: false });
const leftOut: Expectation = { outcome: 'left out', why: 'librdkafka knows that it fails', counts: false };

const WITH_EITHER: Record<string, Expectation> = {
  '0028_long_topicnames': leftOut,
  '0047_partial_buf_tmout': leftOut,
  '0061_consumer_lag': fails('counts the records of an aborted transaction and its marker: they are in no log'),
  '0081_admin': unsupported('ACLs, users of SCRAM, configs of brokers'),
  '0092_mixed_msgver': skips('Kafka 4 has no old formats'),
  '0097_ssl_verify': skips("wants what librdkafka's own scripts set up"),
  '0098_consumer_txn': fails('reads what was aborted'),
  '0103_transactions': fails('wants uncommitted records in the high watermark'),
  '0109_auto_create_topics': unsupported('ACLs'),
  '0115_producer_auth': unsupported('ACLs'),
  '0119_consumer_auth': unsupported('ACLs'),
  '0126_oauthbearer_oidc': skips("wants what librdkafka's own scripts set up"),
  '0137_barrier_batch_consume': fails('counts markers into offsets'),
};

const WITH_CONSUMER: Record<string, Expectation> = {
  '0045_resubscribe_with_regex': fails(
    'expects the topics that are named in one assignment, and those that match in the next',
  ),
  '0045_subscribe_update_topic_remove': fails(
    'expects that all is given up and assigned anew, which librdkafka does not do',
  ),
  '0045_subscribe_update_non_exist_and_partchange': fails(
    'expects that all is given up and assigned anew, which librdkafka does not do',
  ),
  '0084_destroy_flags': skips('is about the classic protocol'),
  '0132_strategy_ordering': skips('is about the classic protocol'),
};

const OF_SHARE: Record<string, Expectation> = {
  '0173_share_consumer_commit_async': unsupported('group.share.min.record.lock.duration.ms below its default of 15 s'),
  '0177_share_consumer_transactions': fails('counts markers into offsets'),
};

function named(...lists: string[]): string[] {
  return lists.flatMap((list) => list.trim().split(/\s+/));
}

/** Enough to hear of what breaks, in a minute. */
export const BRIEFLY: Record<'classic' | 'consumer', readonly string[]> = {
  classic: named(QUICK, QUICK_OF_GROUPS),
  consumer: named(QUICK_OF_GROUPS),
};

function tableOf(passing: readonly string[], others: Record<string, Expectation>): ReadonlyMap<string, Expectation> {
  const passes = passing.map((name): [string, Expectation] => [name, { outcome: 'passed', counts: true }]);
  return new Map([...passes, ...Object.entries(others)].sort(([a], [b]) => a.localeCompare(b, 'en')));
}

const ALL_PASSING = named(QUICK, QUICK_OF_GROUPS, SLOW);

/** By name, all that there are. */
export const EXPECTED: Record<Protocol, ReadonlyMap<string, Expectation>> = {
  classic: tableOf([...ALL_PASSING, ...named(ONLY_CLASSIC)], WITH_EITHER),
  consumer: tableOf(ALL_PASSING, { ...WITH_EITHER, ...WITH_CONSUMER }),
  share: tableOf(named(SHARE), OF_SHARE),
};

/**
 * They measure milliseconds, look at all topics or groups there are, or start more members than there is room for
 * beside others.
 */
export const ALONE: ReadonlySet<string> = new Set([
  '0019_list_groups',
  '0033_regex_subscribe',
  '0038_performance',
  '0055_producer_latency',
  '0113_cooperative_rebalance',
  '0118_commit_rebalance',
  '0127_fetch_queue_backoff',
]);
