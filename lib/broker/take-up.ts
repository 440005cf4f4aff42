/**
 * Takes up what has just been asked for and waits for the maintenance, so that it begins within seconds: an erasure,
 * and what a deleted topic has left. The rounds of the maintenance (maintain.ts) find the same by themselves, and do
 * what is left of it.
 */
import type { ItemKey } from '../kernel/items.ts';
import { ERASURES } from '../log/erasure/erasure-item.ts';
import { DELETED_TOPICS } from '../log/topic/deleted-topic-item.ts';
import type { Broker } from './broker.ts';
import { carryOutErasure } from './erasures/carry-out-erasures.ts';
import { finishDeletion } from './lifecycle/finish-deletions.ts';

export interface Appeared {
  kind: 'erasure' | 'deleted topic';
  id: string;
}

/** What an item says is to be done; `undefined` for all that the maintenance comes upon soon enough. */
export function appearedAt({ pk, sk }: ItemKey): Appeared | undefined {
  if (pk === ERASURES) return { kind: 'erasure', id: sk };
  return pk === DELETED_TOPICS ? { kind: 'deleted topic', id: sk } : undefined;
}

/**
 * Whether all is done of it that can be done now: what must wait for readers, and what something keeps from its end, is
 * a round's. Never rejects for what storage does. May be repeated, and overlap with itself and with rounds.
 */
export function takeUp(broker: Broker, { kind, id }: Appeared, signal: AbortSignal): Promise<boolean> {
  return kind === 'erasure' ? carryOutErasure(broker, id, signal) : finishDeletion(broker, id, signal);
}
