/**
 * Records of open transactions on their way into parts, for producers that send them partition by partition, several
 * requests at once (Kafka's protocol).
 *
 * What comes while a part of the same producer is being written waits, and is in the next one together: one object and
 * one write of the state for all of them, in the order in which they came. The state has the sequences, so that whether
 * records are next, were there before, or are ahead of others is decided with the write that adds them, whichever
 * process they come to.
 */
import { decideAppend } from '../../coordination/transactions/decide-producer.ts';
import type { RunVerdict } from '../../coordination/transactions/enlisted.ts';
import { encodePart, partKey } from '../../coordination/transactions/part-item.ts';
import { type ProducerIdentity, planTransactional } from '../../coordination/transactions/transactional-item.ts';
import type { Attributes } from '../../kernel/items.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import { runOf } from '../append/accept-batches.ts';
import type { Broker } from '../broker.ts';
import { isGone } from '../produce/append-to-partition.ts';
import type { PreparedRun } from './prepare.ts';
import { storeRuns } from './store-runs.ts';
import { changeState, type StateStep, throwRefusal } from './transactional-states.ts';

/** Batches of one partition that came together. */
export interface TransactionBatches {
  topic: Topic;
  partition: number;
  batches: readonly Uint8Array[];
  bytes: number;
  records: number;
  firstSequence: number;
}

export interface OpenTransaction {
  transactionalId: string;
  producer: ProducerIdentity;
  /** Whether records put their partitions into it by themselves, and begin it where none is open. */
  enlists: boolean;
}

interface Waiting {
  given: TransactionBatches;
  resolve: (verdict: RunVerdict) => void;
  reject: (error: unknown) => void;
}

export class TransactionWriter {
  /** What waits behind the part that is being written, by producer. */
  readonly #waiting = new Map<string, Waiting[]>();

  /**
   * Takes its place among what came before in the same turn of the event loop. Throws what the whole part failed with.
   */
  write(broker: Broker, transaction: OpenTransaction, given: TransactionBatches): Promise<RunVerdict> {
    const { transactionalId, producer, enlists } = transaction;
    const name = JSON.stringify([transactionalId, producer.id, producer.epoch, enlists]);
    const { promise, resolve, reject } = Promise.withResolvers<RunVerdict>();
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      this.#waiting.set(name, [{ given, resolve, reject }]);
      void this.#run(broker, transaction, name);
    } else {
      waiting.push({ given, resolve, reject });
    }
    return promise;
  }

  /** Until nothing waits any more. Never rejects. */
  async #run(broker: Broker, transaction: OpenTransaction, name: string): Promise<void> {
    const line = this.#waiting.get(name) ?? [];
    // What comes in the same turn is written together.
    await Promise.resolve();
    while (line.length > 0) {
      const part = line.splice(0, partLength(line));
      try {
        const { transactionalId } = transaction;
        const given = part.map((waiting) => waiting.given);
        const verdicts = await broker.committer.inLine(transactionalId, () => writePart(broker, transaction, given));
        for (const [at, { resolve }] of part.entries()) resolve(verdicts[at] as RunVerdict);
      } catch (error) {
        if (isGone(error)) for (const { given } of part) broker.topics.forget(given.topic.name);
        for (const { reject } of part) reject(error);
      }
    }
    // In the turn in which the line was seen empty, so that nobody joins it afterwards.
    this.#waiting.delete(name);
  }
}

/** How many of those that wait make one part: as much as one object holds, and at least one. */
function partLength(line: readonly Waiting[]): number {
  let bytes = 0;
  const end = line.findIndex(({ given }, at) => {
    bytes += given.bytes;
    return at > 0 && (at >= produceLimits.partsPerObjectMax || bytes > produceLimits.flushBytesMax);
  });
  return end === -1 ? line.length : end;
}

async function writePart(
  broker: Broker,
  { transactionalId: id, producer, enlists }: OpenTransaction,
  given: readonly TransactionBatches[],
): Promise<readonly RunVerdict[]> {
  const runs = given.map(({ topic, partition, firstSequence, records }) => {
    return { topicId: topic.topicId, partition, firstSequence, records };
  });
  const stored = new StoredPart(broker);
  return changeState(broker, id, async (state): Promise<StateStep<readonly RunVerdict[]>> => {
    const decision = decideAppend(state, producer, {
      runs,
      enlists,
      partsMax: transactionLimits.producerPartsMax,
      partitionsMax: transactionLimits.transactionPartitionsMax,
      nowMs: broker.clock.now(),
    });
    if (decision.decision === 'refuse') return throwRefusal(broker, id, decision, state?.parts);
    const { next, verdicts } = decision;
    if (next === undefined) return { done: verdicts };
    const accepted = given.filter((_one, at) => verdicts[at]?.verdict === 'accepted');
    const key = partKey({ id, epoch: next.epoch, number: next.number }, next.parts - 1);
    const writes = [planTransactional(id, next), { kind: 'put' as const, key, attributes: await stored.of(accepted) }];
    return { writes, done: verdicts };
  });
}

/**
 * The part's item, for which the records are stored once, unless other ones of them are accepted in another attempt.
 */
class StoredPart {
  readonly #broker: Broker;
  readonly #deadlineMs: number;
  #last: { accepted: readonly TransactionBatches[]; item: Attributes } | undefined;

  constructor(broker: Broker) {
    this.#broker = broker;
    this.#deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  }

  async of(accepted: readonly TransactionBatches[]): Promise<Attributes> {
    const last = this.#last;
    const isSame = last?.accepted.length === accepted.length && last.accepted.every((one, at) => one === accepted[at]);
    if (last !== undefined && isSame) return last.item;
    const stored = await storeRuns(this.#broker, runsOf(accepted), this.#deadlineMs);
    const item = encodePart({ ...stored, records: [], offsets: [] });
    this.#last = { accepted, item };
    return item;
  }
}

/** One run for each partition, in the order in which its batches came. */
function runsOf(accepted: readonly TransactionBatches[]): PreparedRun[] {
  const partitions = Map.groupBy(accepted, ({ topic, partition }) => `${topic.topicId}/${partition}`);
  return [...partitions.values()].map((own) => {
    const [{ topic, partition }] = own as [TransactionBatches];
    const { ledger, slot } = ledgerOf(topic, partition);
    return { topic, partition, ledger, slot, run: runOf(own.flatMap(({ batches }) => batches)) };
  });
}
