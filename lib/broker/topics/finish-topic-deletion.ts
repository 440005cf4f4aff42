/**
 * Ends a topic that is in the state `deleting`: its ledgers' heads become graves, after which nothing can be appended,
 * sealed or read, and then its name is free. What it had is deleted later (lifecycle/finish-deletions.ts), so that
 * nobody who wants the name waits for it.
 *
 * Every step can be repeated, interrupted, and done by several at once, because a topic's id is never used again.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes } from '../../kernel/items.ts';
import { deletionLimits } from '../../kernel/limits/deletion.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { planGrave } from '../../log/ledger/grave.ts';
import { headKey } from '../../log/ledger/head.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { ledgersOf, removalWrites } from '../../log/topic/topic-writes.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { decideAgain, writeRepeatedly } from '../write-attempts.ts';

export async function finishTopicDeletion(broker: Broker, topic: Topic): Promise<void> {
  await mapBounded(ledgersOf(topic), topicLimits.ledgerCallsInFlightMax, async (ledger) => {
    await bury(broker, ledger);
    broker.heads.drop(ledger);
  });
  await writeRepeatedly(broker.metadata, removalWrites(topic, broker.clock.now()));
}

/**
 * Who has the topic in memory goes on appending to it for a while, and each append changes the head: attempts are
 * further and further apart, until one comes to pass.
 */
async function bury(broker: Broker, ledger: LedgerId): Promise<void> {
  const { metadata, clock, random } = broker;
  let head = await metadata.get(headKey(ledger), 'strong');
  for (let attempt = 0; head !== undefined; attempt++) {
    if (attempt === deletionLimits.graveAttemptsMax) {
      throw new MillraceError('REQUEST_TIMED_OUT', 'The topic is still being written to; try again.');
    }
    if (attempt > 2) await clock.sleep(retryPauseMs(attempt, random));
    head = await attemptGrave(broker, ledger, head);
  }
}

/** The head, if it is still there. */
function attemptGrave({ metadata }: Broker, ledger: LedgerId, head: Attributes): Promise<Attributes | undefined> {
  let known: Attributes | undefined = head;
  return decideAgain('grave of a ledger', async () => {
    const expected = known ?? (await metadata.get(headKey(ledger), 'strong'));
    if (expected === undefined) return { done: undefined };
    known = undefined; // should the answer be lost
    const written = await metadata.write(planGrave(ledger, expected));
    return { done: written.outcome === 'applied' ? undefined : written.item };
  });
}
