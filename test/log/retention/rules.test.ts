import { describe, expect, it } from 'vitest';
import { retentionRules } from '../../../lib/log/retention/rules.ts';
import { parseTopicConfig, type TopicConfigInput } from '../../../lib/log/topic/config.ts';

const rules = (config: TopicConfigInput) => retentionRules(parseTopicConfig(config).values);

describe('what a topic lets go', () => {
  it('is what is older than a week, where nobody says otherwise', () => {
    expect(rules({})).toEqual({ retentionMs: 7 * 24 * 60 * 60 * 1_000 });
  });

  it('is by time and by size as the configs say', () => {
    expect(rules({ 'retention.ms': 5, 'retention.bytes': 0 })).toEqual({ retentionMs: 5, retentionBytes: 0 });
    expect(rules({ 'retention.ms': -1, 'retention.bytes': 9 })).toEqual({ retentionBytes: 9 });
    expect(rules({ 'cleanup.policy': 'compact,delete', 'retention.ms': 5 })).toEqual({ retentionMs: 5 });
  });

  it('is nothing without the policy "delete", and where both are unlimited', () => {
    expect(rules({ 'cleanup.policy': 'compact', 'retention.ms': 5 })).toBeUndefined();
    expect(rules({ 'cleanup.policy': '', 'retention.ms': 5 })).toBeUndefined();
    expect(rules({ 'retention.ms': -1, 'retention.bytes': -1 })).toBeUndefined();
  });
});
