/**
 * Producers with transactional ids, which outlive their processes: one sends each transaction in one request, and the
 * newest one once more hours later; the other makes them of several parts, some of which it aborts, or forgets when its
 * process dies.
 */
import { abortTransaction } from '../../../lib/broker/transactions/abort-transaction.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { type TransactResult, transact } from '../../../lib/broker/transactions/transact.ts';
import type { Caller } from '../../../lib/coordination/transactions/decide.ts';
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { LifecycleHistory, Place, TransactionAnswer } from './lifecycle-history.ts';
import type { Actor } from './lifecycle-processes.ts';
import { ifPossible, type LifecycleWriters, type Written } from './lifecycle-writers.ts';

interface Site {
  scheduler: Scheduler;
  history: LifecycleHistory;
  places: readonly Place[];
  writers: LifecycleWriters;
}

interface Part {
  place: Place;
  records: Written[];
}

/** An id whose epochs are its own to declare. */
interface Line {
  epoch: number;
  number: number;
  /** The newest one that was answered. */
  last?: { caller: Caller; parts: Part[]; answer: TransactResult };
}

const ATTEMPTS_MAX = 5;

export class LifecycleTransactions {
  private readonly site: Site;
  private readonly random: Random;
  private readonly lines = new Map<string, Line>();

  constructor(site: Site) {
    this.site = site;
    this.random = site.scheduler.random;
  }

  /** One request each. */
  async atOnce(id: string, actor: Actor): Promise<void> {
    const line = this.lines.get(id) ?? { epoch: 0, number: 0 };
    this.lines.set(id, line);
    if (this.random.fraction() < 0.3) await this.sendAgain(id, line, actor);
    for (let left = randomBelow(this.random, 3); left > 0; left--) await this.sendNext(id, line, actor);
  }

  /** Takes the id over, and goes on until somebody else does. */
  async inParts(id: string, actor: Actor): Promise<void> {
    const { broker } = actor;
    const initialized = await ifPossible(() => initializeTransactions(broker, { transactionalId: id }));
    if (initialized === undefined) return;
    const transactions = randomBelow(this.random, 3);
    for (let number = 0; number < transactions; number++) {
      if (!(await this.ofParts(id, actor, { epoch: initialized.epoch, number }))) return;
    }
  }

  private async sendNext(id: string, line: Line, { broker, process }: Actor): Promise<void> {
    const parts = this.someParts(id);
    const caller = { epoch: line.epoch, number: line.number++ };
    const event = this.begin(parts);
    const records = recordsOf(parts);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const answer = await ifPossible(() => transact(broker, { transactionalId: id, caller, records }));
      if (answer !== undefined) {
        event.outcome = 'committed';
        line.last = { caller, parts, answer };
        return;
      }
      await this.site.scheduler.pause(process, this.random.fraction() * 150);
    }
    // Nobody knows what became of it.
    [line.epoch, line.number] = [caller.epoch + 1, 0];
  }

  /** It is answered as before, however much of it was merged, compacted or deleted since; or not at all. */
  private async sendAgain(id: string, { last }: Line, { broker }: Actor): Promise<void> {
    if (last === undefined) return;
    const { caller, parts, answer } = last;
    const again = await ifPossible(() => transact(broker, { transactionalId: id, caller, records: recordsOf(parts) }));
    if (again === undefined) return;
    this.site.history.count('transactions sent again');
    const { retries } = this.site.history;
    for (const [index, { topic, partition, offset }] of answer.records.entries()) {
      const now = again.records[index]?.offset ?? -1;
      retries.push({ producer: id, topic, partition, offset, answer: { kind: 'offset', offset: now } });
    }
  }

  /** Whether the id is still this process's. */
  private async ofParts(id: string, actor: Actor, caller: Caller): Promise<boolean> {
    const { broker, process } = actor;
    const parts = this.someParts(id);
    const event = this.begin(parts);
    for (const [part, { place, records }] of parts.entries()) {
      const asked = { transactionalId: id, caller, part, records: recordsOf([{ place, records }]) };
      const added = await this.persistently(actor, () => addToTransaction(broker, asked));
      if (added === undefined) {
        // Until its commit is asked for nothing of it can be there.
        event.outcome = 'aborted';
        return false;
      }
    }
    if (this.random.fraction() < 0.2) {
      event.outcome = 'aborted';
      return (
        (await this.persistently(actor, () => abortTransaction(broker, { transactionalId: id, caller }))) !== undefined
      );
    }
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const answer = await ifPossible(() => commitTransaction(broker, { transactionalId: id, caller }));
      if (answer !== undefined) {
        event.outcome = 'committed';
        this.site.history.count('transactions of parts');
        return true;
      }
      await this.site.scheduler.pause(process, this.random.fraction() * 150);
    }
    return false;
  }

  private async persistently<T>({ process }: Actor, work: () => Promise<T>): Promise<{ answer: T } | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        return { answer: await work() };
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        if (!error.retriable) return undefined;
      }
      await this.site.scheduler.pause(process, this.random.fraction() * 150);
    }
    return undefined;
  }

  private begin(parts: readonly Part[]): TransactionAnswer {
    const values = parts.flatMap(({ records }) => records.map(({ value }) => value && utf8Text(value)));
    const event: TransactionAnswer = {
      values: values.filter((value) => typeof value === 'string'),
      outcome: 'unknown',
    };
    this.site.history.transactions.push(event);
    return event;
  }

  private someParts(writer: string): Part[] {
    const { places, writers } = this.site;
    const chosen = places.filter(() => this.random.fraction() < 0.5);
    const some = chosen.length > 0 ? chosen : places.slice(0, 1);
    return some.map((place) => ({ place, records: writers.someRecords(writer, place) }));
  }
}

function recordsOf(parts: readonly Part[]): (Written & Place)[] {
  return parts.flatMap(({ place, records }) => records.map((record) => ({ ...record, ...place })));
}
