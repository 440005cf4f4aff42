/**
 * What a group refuses, by the names of Kafka's errors. The doors' table of codes (kernel/errors.ts) has those that
 * somebody can get already; docs/groups.md has the rest with their numbers.
 */
export type GroupRefusal =
  | 'ILLEGAL_GENERATION'
  | 'INCONSISTENT_GROUP_PROTOCOL'
  | 'INVALID_GROUP_ID'
  | 'UNKNOWN_MEMBER_ID'
  | 'INVALID_SESSION_TIMEOUT'
  | 'REBALANCE_IN_PROGRESS'
  | 'INVALID_REQUEST'
  | 'POLICY_VIOLATION'
  | 'NON_EMPTY_GROUP'
  | 'GROUP_ID_NOT_FOUND'
  | 'MEMBER_ID_REQUIRED'
  | 'GROUP_MAX_SIZE_REACHED'
  | 'FENCED_INSTANCE_ID'
  | 'FENCED_MEMBER_EPOCH'
  | 'UNRELEASED_INSTANCE_ID'
  | 'UNSUPPORTED_ASSIGNOR'
  | 'INVALID_REGULAR_EXPRESSION';

export interface Refused {
  outcome: 'refused';
  code: GroupRefusal;
  /** For the caller: what is wrong, and what is allowed. */
  detail: string;
}

export function refuse(code: GroupRefusal, detail: string): Refused {
  return { outcome: 'refused', code, detail };
}
