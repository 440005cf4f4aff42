/** What a topic's configs say about when records go. */
import type { TopicConfigValues } from '../topic/config.ts';

export interface RetentionRules {
  /** Absent: for ever. */
  retentionMs?: number;
  /** Of a partition; absent: any number. */
  retentionBytes?: number;
}

/** `undefined`: none go. Only the policy `delete` lets them, by itself or beside `compact`. */
export function retentionRules(config: TopicConfigValues): RetentionRules | undefined {
  const [retentionMs, retentionBytes] = [config['retention.ms'], config['retention.bytes']];
  if (!config['cleanup.policy'].includes('delete') || (retentionMs < 0 && retentionBytes < 0)) return undefined;
  return { ...(retentionMs >= 0 && { retentionMs }), ...(retentionBytes >= 0 && { retentionBytes }) };
}
