/**
 * One change of a share partition: decided on what is remembered, mostly right, or read; written under the condition
 * that it is still so; and decided again on what it met instead. With what is remembered right it costs one write.
 *
 * A write of which nothing is heard is looked for by its random id. Where others have written since it cannot be told,
 * and is taken for not applied: what it had acquired is then nobody's until the lock is over, and no record is lost or
 * given to two by that.
 */

import type { SharePartition } from '../../coordination/share-groups/share-partition.ts';
import {
  decodeSharePartition,
  planSharePartition,
  type SharePartitionId,
  type StoredSharePartition,
} from '../../coordination/share-groups/share-partition-item.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { newNonce } from '../groups/regroup.ts';
import { decideAgain } from '../write-attempts.ts';
import type { SeenSharePartition } from './share-cache.ts';

export type SharePartitionStep<T> =
  /** `next` is written where it is another value than before; a share partition that was not there is made by it. */
  | { next: SharePartition | undefined; result: T }
  /** What is remembered says no: it is to be read. */
  | 'look-again';

export function changeSharePartition<T>(
  broker: Broker,
  { id, topic }: { id: SharePartitionId; topic: string },
  decide: (seen: SeenSharePartition) => Promise<SharePartitionStep<T>>,
): Promise<T> {
  return broker.shares.inTurn(id, () => change(broker, { id, topic }, decide));
}

function change<T>(
  broker: Broker,
  { id, topic }: { id: SharePartitionId; topic: string },
  decide: (seen: SeenSharePartition) => Promise<SharePartitionStep<T>>,
): Promise<T> {
  const { metadata, shares, random, clock } = broker;
  const tried = new Map<string, T>();
  let seen = shares.peek(id);
  let attempts = 0;
  return decideAgain('acquisition or acknowledgement', async () => {
    if (attempts > 1) await clock.sleep(retryPauseMs(attempts, random));
    attempts++;
    const at = seen ?? (await shares.look(id, 'strong'));
    seen = undefined;
    const writeId = at.stored?.writeId ?? '';
    if (tried.has(writeId)) return { done: tried.get(writeId) as T };
    const step = await decide(at);
    if (step === 'look-again') return 'again';
    const { next, result } = step;
    if (next === undefined || next === at.stored?.partition) return { done: result };
    const stored = following(at.stored, { partition: next, topic, nonce: newNonce(random), writeId: newNonce(random) });
    tried.set(stored.writeId, result);
    const written = await metadata.write([planSharePartition(id, stored)]);
    if (written.outcome === 'refused') {
      seen = shares.note(id, written.item && decodeSharePartition(written.item));
      return 'again';
    }
    shares.note(id, stored);
    return { done: result };
  });
}

function following(
  before: StoredSharePartition | undefined,
  next: Omit<StoredSharePartition, 'version'>,
): StoredSharePartition {
  return { ...next, nonce: before?.nonce ?? next.nonce, version: (before?.version ?? 0) + 1 };
}
