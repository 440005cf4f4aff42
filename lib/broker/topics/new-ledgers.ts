/** Who holds a topic's ledgers when they are made: as many of the stack's replicas as its replication factor says. */
import { assignReplicas } from '../../coordination/replication/assign.ts';
import { encodeReplication, initialReplication } from '../../coordination/replication/replica-state.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Write } from '../../kernel/items.ts';
import { murmur2 } from '../../kernel/murmur2.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { headWrite } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';

/**
 * For the head of a new ledger; `undefined` where the topic has a single replica, which is the stack's own bucket. The
 * factor must be one that `checkReplicationFactor` lets pass.
 */
export function newReplication({ objects }: Broker, topic: Topic, ledger: LedgerId): Attributes | undefined {
  const { topicId, replicationFactor: factor } = topic;
  if (factor === 1) return undefined;
  const start = murmur2(utf8(topicId)) >>> 1;
  const replicas = assignReplicas({ available: objects.assignable, factor, ledger: ledger.index, start });
  return encodeReplication(initialReplication(replicas));
}

/** `wakes`: the topic has triggers. */
export function newHeadWrite(broker: Broker, topic: Topic, ledger: LedgerId, wakes: boolean): Write {
  return headWrite(ledger, { replication: newReplication(broker, topic, ledger), wakes });
}

/** Throws `INVALID_REPLICATION_FACTOR`. */
export function checkReplicationFactor({ objects }: Broker, factor: number): void {
  const configured = objects.assignable.length;
  if (Number.isInteger(factor) && factor >= 1 && (factor === 1 || factor <= configured)) return;
  throw new MillraceError(
    'INVALID_REPLICATION_FACTOR',
    `replication factor ${factor} is not allowed: ${configured} replica${configured === 1 ? ' is' : 's are'} configured`,
  );
}
