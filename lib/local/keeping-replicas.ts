/**
 * Has the replicas of all ledgers looked after until the signal aborts, so that a replica that comes back joins without
 * anyone writing or reading. Resolves when no look is under way any more; what looks have begun may go on.
 *
 * Ledgers where something is not at its best are looked at every second, all others seldom: a look at them reads
 * nothing.
 */
import type { Broker } from '../broker/broker.ts';
import { type ReplicationRules, rulesOf } from '../broker/replication/rules.ts';
import { listTopics } from '../broker/topics/list-topics.ts';
import { MillraceError } from '../kernel/errors.ts';
import type { LedgerId } from '../kernel/ids.ts';
import { replicationLimits } from '../kernel/limits/replication.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import { mapBounded } from '../kernel/map-bounded.ts';
import { ledgerCount } from '../log/topic/topic.ts';
import type { TopicSummary } from '../log/topic/topic-item.ts';
import type { Logger } from './logger.ts';

interface Kept {
  ledger: LedgerId;
  rules: ReplicationRules;
}

export async function keepReplicasUntil(broker: Broker, signal: AbortSignal, log: Logger): Promise<void> {
  const { clock, keeper } = broker;
  const listing = new Listing(broker, log);
  let listMs = clock.monotonic();
  while (!signal.aborted) {
    await clock.sleep(replicationLimits.replicaLookMs, signal);
    if (signal.aborted) return;
    if (clock.monotonic() >= listMs) {
      listMs = clock.monotonic() + replicationLimits.replicaIdleLookMs;
      await listing.refresh();
      await lookAt(broker, listing.ledgers, signal);
    } else {
      await lookAt(
        broker,
        listing.ledgers.filter(({ ledger }) => keeper.isUnsettled(ledger)),
        signal,
      );
    }
  }
}

/** A look never fails. */
async function lookAt({ keeper }: Broker, kept: readonly Kept[], signal: AbortSignal): Promise<void> {
  await mapBounded(kept, replicationLimits.replicaLooksInFlightMax, async ({ ledger, rules }) => {
    if (!signal.aborted) await keeper.look(ledger, rules);
  });
}

/** The ledgers that are looked after, as they were when they could last be listed. */
class Listing {
  ledgers: readonly Kept[] = [];
  private readonly broker: Broker;
  private readonly log: Logger;
  /** The kind of failure that was told last: an outage is told once. */
  private told: string | undefined;

  constructor(broker: Broker, log: Logger) {
    this.broker = broker;
    this.log = log;
  }

  async refresh(): Promise<void> {
    try {
      this.ledgers = await replicatedLedgers(this.broker);
      this.told = undefined;
    } catch (error) {
      const kind = error instanceof MillraceError ? error.code : String(error);
      if (kind !== this.told)
        this.log.warn('the topics whose replicas are looked after could not be listed', { error });
      this.told = kind;
    }
  }
}

async function replicatedLedgers(broker: Broker): Promise<Kept[]> {
  const kept: Kept[] = [];
  let cursor: string | undefined;
  do {
    const page = await listTopics(broker, { limit: requestLimits.listPageMax, cursor });
    for (const topic of page.topics) if (topic.replicationFactor > 1) kept.push(...(await ledgersOf(broker, topic)));
    cursor = page.next;
  } while (cursor !== undefined);
  return kept;
}

async function ledgersOf(broker: Broker, { name }: TopicSummary): Promise<Kept[]> {
  try {
    const { topicId, partitions, ledgerPartitions, config } = await broker.topics.get(name);
    const rules = rulesOf(config);
    const count = ledgerCount(partitions, ledgerPartitions);
    return Array.from({ length: count }, (_, index) => ({ ledger: { topicId, index }, rules }));
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return []; // deleted just now
    throw error;
  }
}
