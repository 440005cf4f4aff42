/**
 * Kafka's operations that the scopes of a principal come to (KIP-430), as the bit field that clients ask for: bit n is
 * the operation with the code n (org.apache.kafka.common.acl.AclOperation).
 */
import type { Scope } from '../../coordination/tenants/principal.ts';
import type { Call } from '../api.ts';
import { canSee, isAllowed } from './authorization.ts';

const READ = 1 << 3;
const WRITE = 1 << 4;
const CREATE = 1 << 5;
const DELETE = 1 << 6;
const ALTER = 1 << 7;
const DESCRIBE = 1 << 8;
const CLUSTER_ACTION = 1 << 9;
const DESCRIBE_CONFIGS = 1 << 10;
const ALTER_CONFIGS = 1 << 11;
const IDEMPOTENT_WRITE = 1 << 12;

const TOPIC_OPERATIONS: Record<Scope, number> = {
  consume: READ,
  produce: WRITE,
  admin: CREATE | DELETE | ALTER | ALTER_CONFIGS,
};

export function topicOperations(call: Call, topic: string): number {
  const scopes = (['consume', 'produce', 'admin'] as const).filter((scope) => isAllowed(call, scope, topic));
  const operations = scopes.reduce((all, scope) => all | TOPIC_OPERATIONS[scope], 0);
  return canSee(call, topic) ? operations | DESCRIBE | DESCRIBE_CONFIGS : operations;
}

/** Who may use a group may do all there is with it. */
export function groupOperations(call: Call, group: string): number {
  return isAllowed(call, 'consume', group) ? READ | DELETE | DESCRIBE : 0;
}

/** Whoever may administer all may do all there is. Others may not even describe the cluster, to Kafka's tools. */
export function clusterOperations(call: Call): number {
  if (isAllowed(call, 'admin')) {
    return CREATE | ALTER | DESCRIBE | CLUSTER_ACTION | DESCRIBE_CONFIGS | ALTER_CONFIGS | IDEMPOTENT_WRITE;
  }
  return 0;
}
