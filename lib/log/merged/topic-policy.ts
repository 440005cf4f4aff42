/** What a topic's configs, and what one transaction takes, say about merging. */
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import type { TopicConfigValues } from '../topic/config.ts';
import { DEFAULT_POLICY, type MergePolicy } from './due.ts';

/** Records wait for younger ones of their segment no longer than `segment.ms`, and are compacted in time. */
export function mergePolicyOf(config: TopicConfigValues): MergePolicy {
  const ages = [DEFAULT_POLICY.ageMsMin, config['segment.ms']];
  // Half of it is for what comes after: rounds of compaction are some time apart.
  if (config['cleanup.policy'].includes('compact')) ages.push(Math.floor(config['max.compaction.lag.ms'] / 2));
  return { ...DEFAULT_POLICY, ageMsMin: Math.min(...ages) };
}

/** What the topic's segments grow to. */
export function segmentTargetBytes(config: TopicConfigValues): number {
  return Math.min(mergingLimits.mergedSegmentBytesMax, config['segment.bytes']);
}

/**
 * The same for those of one step, which are written by one transaction: where they would be too many, each is larger.
 * Two neighbours have more than the target together, or they would be one; and of each slot one is left over.
 */
export function stepTargetBytes(targetBytes: number, stepBytes: number): number {
  const pairs = Math.floor((mergingLimits.segmentWritesMax - topicLimits.partitionsPerLedgerMax) / 2);
  return Math.max(targetBytes, Math.ceil(stepBytes / pairs));
}
