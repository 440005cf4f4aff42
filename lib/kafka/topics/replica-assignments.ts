/**
 * Manual assignments of replicas to brokers. Brokers are virtual here and hold nothing, so an assignment is checked as
 * Kafka does and says nothing more than how many replicas there are to be.
 */
import type { Call } from '../api.ts';
import { type Failure, wireCodes } from '../failures.ts';

/** How many replicas each partition is assigned. */
export function assignedReplicas(
  { gateway: { cluster } }: Call,
  assignments: readonly (readonly number[])[],
): number | Failure {
  const known = new Set(cluster.nodes.map(({ nodeId }) => nodeId));
  const count = assignments[0]?.length ?? 0;
  for (const brokerIds of assignments) {
    if (brokerIds.length === 0) return refusal('Each partition is to be assigned to a broker.');
    if (brokerIds.length !== count) return refusal('All partitions are to have as many replicas.');
    if (new Set(brokerIds).size < count) return refusal('A partition is assigned to a broker twice.');
    if (!brokerIds.every((id) => known.has(id)))
      return refusal('A partition is assigned to a broker that is not there.');
  }
  return count;
}

function refusal(message: string): Failure {
  return { code: wireCodes.INVALID_REPLICA_ASSIGNMENT, message };
}
