/**
 * Finishes the deletion of topics: in the background of whoever deletes one, for as long as that may take, and in the
 * maintenance. What there is to do is in the items of deleted topics (log/topic/deleted-topic-item.ts).
 *
 * A topic is gone through twice. A process that had seen the ledger before it ended may still put a page or a bundle,
 * which nothing keeps it from: the second time comes when nobody can be about to.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { deletionLimits } from '../../kernel/limits/deletion.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import {
  DELETED_TOPICS,
  type DeletedTopic,
  decodeDeletedTopic,
  deletedTopicKey,
  planDeletionEnd,
  planDeletionStep,
} from '../../log/topic/deleted-topic-item.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { finishTopicDeletion } from '../topics/finish-topic-deletion.ts';
import { emptyLedger } from './empty-ledger.ts';

export interface DeletionsRequest {
  /** How long after it was emptied a topic is looked through once more. Default one hour. */
  graceMs?: number;
  /** Ends it early: what is left is the next one's. */
  signal?: AbortSignal;
}

export interface DeletionsReport {
  topics: number;
  /** Of which nothing is left. */
  finished: number;
  objects: number;
  items: number;
  /** Topics that storage failed for; they have their turn again. */
  failed: number;
}

export async function finishDeletions(
  broker: Broker,
  { graceMs = deletionLimits.deletionGraceMs, signal }: DeletionsRequest = {},
): Promise<DeletionsReport> {
  const report: DeletionsReport = { topics: 0, finished: 0, objects: 0, items: 0, failed: 0 };
  const isOver = () => signal?.aborted === true;
  let from: string | undefined;
  do {
    const page = await broker.metadata.query({
      pk: DELETED_TOPICS,
      ...(from !== undefined && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    for (const { key } of page.items) {
      if (isOver()) return report;
      report.topics++;
      try {
        await new Deletion(broker, { report, graceMs, isOver }).goOn(key.sk);
      } catch (error) {
        // One topic must not keep those behind it from their turn.
        if (!(error instanceof MillraceError)) throw error;
        report.failed++;
        broker.log.warn('The deletion of a topic is not finished; the next round goes on', { topicId: key.sk, error });
      }
    }
    from = page.next;
  } while (from !== undefined);
  return report;
}

/**
 * Goes on with one until it is told to stop; without a signal, for a while. Whether all is done that can be done by
 * now. Never rejects: what it fails with is left to the maintenance.
 */
export async function finishDeletion(broker: Broker, topicId: TopicId, signal?: AbortSignal): Promise<boolean> {
  const report: DeletionsReport = { topics: 1, finished: 0, objects: 0, items: 0, failed: 0 };
  const untilMs = broker.clock.monotonic() + deletionLimits.deletionMsMax;
  const isOver = () => (signal === undefined ? broker.clock.monotonic() >= untilMs : signal.aborted);
  try {
    return await new Deletion(broker, { report, graceMs: deletionLimits.deletionGraceMs, isOver }).goOn(topicId);
  } catch (error) {
    broker.log.warn('The deletion of a topic is left to the maintenance', { topicId, error });
    return false;
  }
}

class Deletion {
  private readonly broker: Broker;
  private readonly report: DeletionsReport;
  private readonly graceMs: number;
  private readonly isOver: () => boolean;

  constructor(broker: Broker, parts: { report: DeletionsReport; graceMs: number; isOver: () => boolean }) {
    this.broker = broker;
    this.report = parts.report;
    this.graceMs = parts.graceMs;
    this.isOver = parts.isOver;
  }

  /** Whether all is done that can be done by now. */
  async goOn(topicId: TopicId): Promise<boolean> {
    let topic = await this.read(topicId);
    if (topic?.state === 'deleting') {
      await this.free(topic);
      topic = await this.read(topicId);
    }
    if (topic === undefined || topic.state === 'deleting') return topic === undefined;
    const nowMs = this.broker.clock.now();
    if (topic.state === 'emptied' && nowMs < topic.sinceMs + this.graceMs) return true;
    if (!(await this.empty(topic))) return false;
    if (topic.state === 'freed') {
      await this.broker.metadata.write([planDeletionStep(topic, { state: 'emptied', sinceMs: nowMs, from: 0 })]);
    } else {
      await this.broker.metadata.write([planDeletionEnd(topic)]);
      this.report.finished++;
    }
    return true;
  }

  private async read(topicId: TopicId): Promise<DeletedTopic | undefined> {
    const item = await this.broker.metadata.get(deletedTopicKey(topicId), 'strong');
    return item && decodeDeletedTopic(topicId, item);
  }

  /** Whoever deleted the topic has crashed, or is still at it. */
  private async free({ topicId, name }: DeletedTopic): Promise<void> {
    const item = await this.broker.metadata.get(topicKey(name), 'strong');
    const topic = item && decodeTopic(name, item);
    if (topic?.topicId === topicId) await finishTopicDeletion(this.broker, topic);
  }

  /** Whether all of its ledgers are empty now. */
  private async empty(topic: DeletedTopic): Promise<boolean> {
    const { broker, report, isOver } = this;
    const { partitions, ledgerPartitions, state, sinceMs } = topic;
    for (const ledgers of chunked(ledgersOf(topic, topic.from), deletionLimits.ledgersEmptiedInFlightMax)) {
      const emptied = await mapBounded(ledgers, deletionLimits.ledgersEmptiedInFlightMax, (ledger) => {
        const first = ledger.index * ledgerPartitions;
        const count = Math.min(ledgerPartitions, partitions - first);
        return emptyLedger(broker, { ledger, partitions: Array.from({ length: count }, (_, i) => first + i) }, isOver);
      });
      for (const { objects, items } of emptied) {
        report.objects += objects;
        report.items += items;
      }
      if (!emptied.every(({ done }) => done)) return false;
      const from = (ledgers.at(-1)?.index ?? 0) + 1;
      if (from * ledgerPartitions < partitions) {
        await broker.metadata.write([planDeletionStep(topic, { state, sinceMs, from })]);
      }
    }
    return true;
  }
}
