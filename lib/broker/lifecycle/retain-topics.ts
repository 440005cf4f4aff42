/**
 * Retention of all topics, ledger by ledger (retain.ts).
 *
 * May overlap with itself and be interrupted anywhere: log starts only go up. The item `retention` / `progress` has in `from` the
 * topic, and in `ledger` the ledger of it, with which the next round is to begin, where the last one was told to stop; so that
 * however little time a round has, every ledger has its turn.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { limits } from '../../kernel/limits.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { retentionRules } from '../../log/retention/rules.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { TOPIC_DIRECTORY } from '../../log/topic/topic-item.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { retainLedger } from './retain.ts';

const PROGRESS: ItemKey = { pk: 'retention', sk: 'progress' };

export interface RetentionReport {
  /** Those that were looked at. */
  ledgers: number;
  /** Partitions whose log start was moved. */
  moved: number;
  /** Ledgers that storage failed for; they have their turn in the next round. */
  failed: number;
}

interface Place {
  from: string;
  ledger: number;
}

interface Turn {
  topic: Topic;
  ledger: LedgerId;
}

export async function retainTopics(
  broker: Broker,
  { signal }: { signal?: AbortSignal } = {},
): Promise<RetentionReport> {
  const report: RetentionReport = { ledgers: 0, moved: 0, failed: 0 };
  const begun = await progress(broker);
  const stoppedAt = await retainFrom(broker, begun ?? { from: '', ledger: 0 }, { signal, report });
  if (stoppedAt !== undefined) {
    await broker.metadata.write([{ kind: 'put', key: PROGRESS, attributes: { ...stoppedAt } }]);
  } else if (begun !== undefined) await broker.metadata.write([{ kind: 'delete', key: PROGRESS }]);
  return report;
}

/** Before what it was stopped; `undefined` where it came to the end. */
async function retainFrom(
  broker: Broker,
  begun: Place,
  { signal, report }: { signal: AbortSignal | undefined; report: RetentionReport },
): Promise<Place | undefined> {
  const look = async (turns: readonly Turn[]): Promise<Place | undefined> => {
    const [first] = turns;
    if (first === undefined) return undefined;
    if (signal?.aborted === true) return { from: first.topic.name, ledger: first.ledger.index };
    await mapBounded(turns, limits.retainedLedgersInFlightMax, (turn) => retain(broker, turn, report));
    return undefined;
  };
  let waiting: Turn[] = [];
  for await (const turn of turnsFrom(broker, begun)) {
    waiting.push(turn);
    if (waiting.length < limits.retainedLedgersInFlightMax) continue;
    const stoppedAt = await look(waiting);
    if (stoppedAt !== undefined) return stoppedAt;
    waiting = [];
  }
  return look(waiting);
}

/** Ledgers from which something may go, in the order of the topics' names. */
async function* turnsFrom(broker: Broker, begun: Place): AsyncGenerator<Turn> {
  let from: string | undefined = begun.from;
  while (from !== undefined) {
    const page: QueryPage = await broker.metadata.query({
      pk: TOPIC_DIRECTORY,
      ...(from !== '' && { from }),
      limit: limits.listPageMax,
      consistency: 'strong',
    });
    for (const { key } of page.items) {
      const topic = await readyTopic(broker, key.sk);
      if (topic === undefined || retentionRules(topic.config) === undefined) continue;
      const first = topic.name === begun.from ? begun.ledger : 0;
      for (const ledger of ledgersOf(topic, first)) yield { topic, ledger };
    }
    from = page.next;
  }
}

/** As it is now: what a config kept a moment ago must not go by what it was before. */
async function readyTopic(broker: Broker, name: string): Promise<Topic | undefined> {
  try {
    return await broker.topics.getFresh(name);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}

async function retain(broker: Broker, { topic, ledger }: Turn, report: RetentionReport): Promise<void> {
  report.ledgers++;
  try {
    const moved = await retainLedger(broker, topic, ledger);
    report.moved += moved.length;
    if (moved.length > 0) broker.log.info('Old records are beyond the log starts now', { topic: topic.name, moved });
  } catch (error) {
    // One ledger must not keep those behind it from their turn.
    if (!(error instanceof MillraceError)) throw error;
    report.failed++;
    broker.log.warn('Retention of a ledger has failed; the next round looks again', {
      topic: topic.name,
      ledger: ledger.index,
      error,
    });
  }
}

async function progress({ metadata }: Broker): Promise<Place | undefined> {
  const item = await metadata.get(PROGRESS, 'strong');
  const { from, ledger } = item ?? {};
  return typeof from === 'string' && typeof ledger === 'number' ? { from, ledger } : undefined;
}
