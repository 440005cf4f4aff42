/**
 * The attribute `wake` of ledger heads: the table's stream shows the router the heads that have it, and no others. It
 * goes up by one where a trigger's partitions are to be looked at although nothing was appended, because the trigger is
 * new, enabled again or set back: the router takes a head whose `wake` has changed for one that has grown in every
 * partition.
 *
 * No decision depends on it. What is missing is found by the sweeper, later; what is too much costs the router's
 * invocations.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Condition, Write } from '../../kernel/items.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { headKey, WAKE_ATTRIBUTE } from '../../log/ledger/head.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { meantBy } from './trigger-cache.ts';

/** Has all partitions of these topics looked at. A repetition after a lost answer costs one more look. */
export async function wakeTopics({ metadata }: Broker, topics: readonly Topic[]): Promise<void> {
  const ledgers = topics.flatMap((topic) => ledgersOf(topic));
  await mapBounded(ledgers, topicLimits.ledgerCallsInFlightMax, (ledger) =>
    writeRepeatedly(metadata, [planWake(ledger)]),
  );
}

function planWake(ledger: LedgerId, conditions: Condition[] = []): Write {
  return {
    kind: 'update',
    key: headKey(ledger),
    changes: { add: { [WAKE_ATTRIBUTE]: 1 } },
    // A topic that was deleted meanwhile must not get a head.
    conditions: [{ clause: 'item-exists' }, ...conditions],
  };
}

/** Gives `wake` to a head that should have it and was read without. */
export async function repairWake({ metadata }: Broker, ledger: LedgerId): Promise<void> {
  await writeRepeatedly(metadata, [planWake(ledger, [{ clause: 'absent', attribute: WAKE_ATTRIBUTE }])]);
}

/**
 * Takes `wake` from the topics that no trigger means any more. Heads are read before the triggers: whoever makes a
 * trigger writes its item first and raises `wake` then, so that a head of which one could be missed here has changed.
 */
export async function lullTopics(broker: Broker, topics: readonly Topic[]): Promise<void> {
  const { metadata } = broker;
  const ledgers = topics.flatMap((topic) => ledgersOf(topic).map((ledger) => ({ topic, ledger })));
  const seen = await mapBounded(ledgers, topicLimits.ledgerCallsInFlightMax, async ({ topic, ledger }) => {
    const head = await metadata.get(headKey(ledger), 'strong');
    return { topic, ledger, wake: head && wakeOf(head) };
  });
  const triggers = await broker.triggers.listFresh();
  const unused = new Set(topics.filter(({ name }) => !meantBy(triggers, name)));
  await mapBounded(seen, topicLimits.ledgerCallsInFlightMax, async ({ topic, ledger, wake }) => {
    if (wake === undefined || !unused.has(topic)) return;
    const conditions: Condition[] = [{ clause: 'equals', attribute: WAKE_ATTRIBUTE, value: wake }];
    const write: Write = { kind: 'update', key: headKey(ledger), changes: { remove: [WAKE_ATTRIBUTE] }, conditions };
    await writeRepeatedly(metadata, [write]);
  });
}

export function wakeOf(head: Attributes): number | undefined {
  const wake = head[WAKE_ATTRIBUTE];
  return typeof wake === 'number' ? wake : undefined;
}
