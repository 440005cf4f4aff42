/**
 * Producers of transactions: in one request, with epochs that they declare; and in parts, with epochs that are handed
 * out. An id of the first kind outlives its processes, which send again what the one before was not answered. An id of
 * the second kind is fought for by its processes: each that takes it over makes a zombie of the other, which goes on
 * until it is told.
 */
import type { Broker } from '../../lib/broker/broker.ts';
import { abortTransaction } from '../../lib/broker/transactions/abort-transaction.ts';
import { addToTransaction } from '../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../lib/broker/transactions/initialize-transactions.ts';
import type { GroupOffsets, TransactionRecord } from '../../lib/broker/transactions/prepare.ts';
import { transact } from '../../lib/broker/transactions/transact.ts';
import type { Caller } from '../../lib/coordination/transactions/decide.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { History, TransactionEvent } from './history.ts';
import type { Place } from './readings.ts';
import type { Scheduler, SimulatedProcess } from './scheduler.ts';
import { firstOffsets, TransactionEvents } from './transaction-events.ts';

const ATTEMPTS_MAX = 5;
const TRANSACTIONS = 8;
const TAKEOVERS_MAX = 5;
/** Of the long form; some transactions take longer. */
const TIMEOUT_MS = 900;

interface Pending {
  event: TransactionEvent;
  records: TransactionRecord[];
  offsets: GroupOffsets | undefined;
  settled: boolean;
}

/** An id whose epochs are declared. */
interface Declared {
  id: string;
  epoch: number;
  /** The next transaction's number, by epoch. */
  numbers: number[];
  left: number;
  pending?: Pending;
}

export interface ProducerSite {
  history: History;
  scheduler: Scheduler;
  places: readonly Place[];
  /**
   * The longest pause between batches of an idempotent producer, and how many of all batches ask for the leader's ack
   * only.
   */
  roundMs?: number;
  /** How often idempotent producers come back after they have been idle for long. */
  idleVisits?: number;
  /** How many times as long all pauses of transactional producers are; 1 where absent. */
  slowness?: number;
  leaderAcks?: number;
  /** For what nobody waits for: a fault in it ends the history. */
  leave: (work: Promise<void>) => void;
}

export class TransactionalProducers {
  private readonly site: ProducerSite;
  private readonly random: Random;
  private readonly slowness: number;
  readonly events: TransactionEvents;
  private readonly declared = new Map<string, Declared>();
  private singles = 0;
  private readonly peers: { broker: Broker; process: SimulatedProcess }[] = [];

  constructor(site: ProducerSite) {
    this.site = site;
    this.random = site.scheduler.random;
    this.slowness = site.slowness ?? 1;
    this.events = new TransactionEvents(site.history, this.random, site.places);
  }

  /** One request each, the next one when the one before is known to be committed, or given up for a new epoch. */
  async run(id: string, broker: Broker, process: SimulatedProcess): Promise<void> {
    const producer = this.declared.get(id) ?? { id, epoch: 0, numbers: [], left: TRANSACTIONS };
    this.declared.set(id, producer);
    this.peers.push({ broker, process });
    for (; producer.left > 0; producer.left--) {
      const pending = (producer.pending ??= this.nextOf(producer, producer.epoch));
      if (this.random.fraction() < 0.2) this.sendThroughPeer(pending);
      await this.send(broker, process, pending);
      if (pending.settled && this.random.fraction() < 0.1) await this.attempt(broker, pending);
      if (!pending.settled || this.random.fraction() < 0.1) this.restart(producer);
      producer.pending = undefined;
      if (this.random.fraction() < 0.3) await this.once(broker);
      await this.pause(process, 60);
    }
  }

  /** Takes the id over, and makes transactions of several parts until somebody else does. */
  async runInParts(id: string, broker: Broker, process: SimulatedProcess): Promise<void> {
    for (let takeover = 0; takeover < TAKEOVERS_MAX; takeover++) {
      const epoch = await this.takeOver(id, broker);
      if (epoch !== undefined) await this.manyInParts(id, broker, process, epoch);
      await this.pause(process, 800);
    }
  }

  private async manyInParts(id: string, broker: Broker, process: SimulatedProcess, epoch: number): Promise<void> {
    for (let number = 0; number < TRANSACTIONS; number++) {
      if (!(await this.inParts(id, broker, process, { epoch, number }))) return;
      await this.pause(process, 60);
    }
  }

  async takeOver(id: string, broker: Broker): Promise<number | undefined> {
    const epoch = await answered(async () => {
      return (await initializeTransactions(broker, { transactionalId: id, timeoutMs: TIMEOUT_MS * this.slowness }))
        .epoch;
    });
    if (epoch === undefined) return undefined;
    const { history } = this.site;
    history.producers.initializations.push({ transactionalId: id, epoch, answeredAt: history.tick() });
    return epoch;
  }

  /** One of no transactional id, which cannot be sent again. */
  private async once(broker: Broker): Promise<void> {
    const event = this.events.begin(`nobody ${this.singles++}`, { epoch: 0, number: 0 });
    const records = this.events.someRecords(event, event.name);
    const offsets = this.events.someOffsets(event, records.length === 0);
    await this.committing(event, async () => firstOffsets((await transact(broker, { records, offsets })).records));
  }

  private nextOf(producer: Declared, epoch: number): Pending {
    const number = producer.numbers[epoch] ?? 0;
    producer.numbers[epoch] = number + 1;
    const event = this.events.begin(producer.id, { epoch, number });
    const records = this.events.someRecords(event, producer.id);
    return { event, records, offsets: this.events.someOffsets(event, records.length === 0), settled: false };
  }

  /** With what its last transaction came to not being known, perhaps; and somebody may go on in the old epoch. */
  private restart(producer: Declared): void {
    const old = producer.epoch++;
    const zombie = this.anyPeer();
    if (zombie === undefined || this.random.fraction() < 0.4) return;
    const pending = this.nextOf(producer, old);
    const { scheduler, leave } = this.site;
    scheduler.schedule(zombie.process, this.random.fraction() * 1_000 * this.slowness, () =>
      leave(this.attempt(zombie.broker, pending)),
    );
  }

  private async send(broker: Broker, process: SimulatedProcess, pending: Pending): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !pending.settled; attempt++) {
      await this.attempt(broker, pending);
      if (!pending.settled) await this.pause(process, 200);
    }
  }

  private async attempt(broker: Broker, pending: Pending): Promise<void> {
    const { event, records, offsets } = pending;
    const { transactionalId, epoch, number } = event;
    const fault = await this.committing(event, async () => {
      const result = await transact(broker, { transactionalId, caller: { epoch, number }, records, offsets });
      return firstOffsets(result.records);
    });
    if (fault === undefined || fault.code === 'INVALID_PRODUCER_EPOCH') pending.settled = true;
  }

  /** Notes what the attempt to commit comes to; answers its fault. */
  async committing(
    event: TransactionEvent,
    work: () => Promise<TransactionEvent['acks'][number]>,
  ): Promise<MillraceError | undefined> {
    this.events.asked(event);
    try {
      this.events.committed(event, await work());
      return undefined;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.events.failed(event, error);
      return error;
    }
  }

  private sendThroughPeer(pending: Pending): void {
    const peer = this.anyPeer();
    if (peer !== undefined) this.site.leave(this.attempt(peer.broker, pending));
  }

  /** Whether the id is still this process's. */
  private async inParts(id: string, broker: Broker, process: SimulatedProcess, caller: Caller): Promise<boolean> {
    const event = this.events.begin(id, caller);
    // Until the commit is asked for, nothing of it can ever be there.
    const parts = 1 + randomBelow(this.random, 3);
    for (let part = 0; part < parts; part++) {
      const records = this.events.someRecords(event, id);
      const offsets = this.events.someOffsets(event, records.length === 0);
      const added = await this.persistently(process, () =>
        addToTransaction(broker, { transactionalId: id, caller, part, records, offsets }),
      );
      if (added === undefined) {
        this.events.aborted(event);
        return false;
      }
      // Some are open for longer than they may be.
      await this.pause(process, this.random.fraction() < 0.05 ? TIMEOUT_MS * 3 : 80);
    }
    return this.random.fraction() < 0.2
      ? this.abort(id, broker, process, { caller, event })
      : this.commit(id, broker, process, { caller, event });
  }

  private async commit(
    id: string,
    broker: Broker,
    process: SimulatedProcess,
    { caller, event }: { caller: Caller; event: TransactionEvent },
  ): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const fault = await this.committing(event, async () => {
        return (await commitTransaction(broker, { transactionalId: id, caller })).partitions;
      });
      // A commit may be repeated, and is answered as the first was.
      if (fault === undefined && this.random.fraction() < 0.8) return true;
      if (fault?.code === 'PRODUCER_FENCED') return false;
      if (fault?.code === 'INVALID_TXN_STATE') return true;
      await this.pause(process, 150);
    }
    return false;
  }

  private async abort(
    id: string,
    broker: Broker,
    process: SimulatedProcess,
    { caller, event }: { caller: Caller; event: TransactionEvent },
  ): Promise<boolean> {
    this.events.aborted(event);
    const done = await this.persistently(process, async () => {
      await abortTransaction(broker, { transactionalId: id, caller });
      return true;
    });
    // Committing it all the same must be refused.
    if (done === true && this.random.fraction() < 0.3) {
      await answered(async () => {
        const { partitions } = await commitTransaction(broker, { transactionalId: id, caller });
        event.acks.push(partitions);
      });
    }
    return done === true;
  }

  /** Tries again what is worth it; `undefined` where it came to nothing. */
  private async persistently<T>(process: SimulatedProcess, work: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        if (!error.retriable) return undefined;
      }
      await this.pause(process, 150);
    }
    return undefined;
  }

  private anyPeer() {
    const alive = this.peers.filter(({ process }) => process.alive);
    return alive[randomBelow(this.random, Math.max(1, alive.length))];
  }

  private pause(process: SimulatedProcess, maxMs: number): Promise<void> {
    return this.site.scheduler.pause(process, this.random.fraction() * maxMs * this.slowness);
  }
}

/** What it came to; `undefined` where it failed. */
export async function answered<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return undefined;
  }
}
