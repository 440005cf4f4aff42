/** What a topic's configs say of its replicas. */
import type { TopicConfigValues } from '../../log/topic/config.ts';

export interface ReplicationRules {
  /** `min.insync.replicas`: fewer in sync, and writes with acks=all are refused. */
  minInSync: number;
  /** `unclean.leader.election.enable` */
  uncleanAllowed: boolean;
}

const known = new WeakMap<TopicConfigValues, ReplicationRules>();

export function rulesOf(config: TopicConfigValues): ReplicationRules {
  const rules = known.get(config) ?? {
    minInSync: config['min.insync.replicas'],
    uncleanAllowed: config['unclean.leader.election.enable'],
  };
  known.set(config, rules);
  return rules;
}
