/**
 * Transactional clients of Kafka's protocol (KIP-890), whose requests come to any process: a client and who serves it
 * crash each by themselves. A process that crashes between two steps of its work leaves its client without an answer,
 * who asks another one for the same; what the first has begun may come to pass all the same, and late. Some requests
 * come once more when their transaction has ended.
 */
import type { Broker } from '../../lib/broker/broker.ts';
import { produceInTransaction } from '../../lib/broker/produce/produce-in-transaction.ts';
import { addGroupOffsets } from '../../lib/broker/transactions/add-group-offsets.ts';
import { endTransaction } from '../../lib/broker/transactions/end-transaction.ts';
import { initializeTransactions } from '../../lib/broker/transactions/initialize-transactions.ts';
import type { TransactionRecord } from '../../lib/broker/transactions/prepare.ts';
import { transact } from '../../lib/broker/transactions/transact.ts';
import { PRODUCER_EPOCH_MAX } from '../../lib/coordination/producers/producer-id-item.ts';
import type { ProducerIdentity } from '../../lib/coordination/transactions/transactional-item.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import type { TransactionEvent } from './history.ts';
import type { SimulatedProcess } from './scheduler.ts';
import { firstOffsets, type TransactionEvents } from './transaction-events.ts';
import type { ProducerSite } from './transactional-producers.ts';

const ATTEMPTS_MAX = 6;
const TAKEOVERS_MAX = 4;
const TRANSACTIONS = 6;
/** `transaction.timeout.ms`; some transactions take longer. */
const TIMEOUT_MS = 900;
/** How long a client waits for an answer. */
const REQUEST_TIMEOUT_MS = 400;
/** So close to the last epoch of a producer id that few transactions are left. */
const LATE_EPOCH = PRODUCER_EPOCH_MAX - 4;

const FENCED: ReadonlySet<string> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING']);

interface Gateway {
  broker: Broker;
  process: SimulatedProcess;
}

type Request<T> = (broker: Broker) => Promise<T>;
type Answer<T> = { kind: 'answered'; value: T } | { kind: 'refused'; fault: MillraceError } | { kind: 'lost' };

/** A producer, from its initialization on. */
interface Session {
  id: string;
  process: SimulatedProcess;
  producer: ProducerIdentity;
  /** The transactional id's, which goes on where the producer id's begin anew. */
  epoch: number;
  /** The next sequence, by partition. */
  sequences: Map<string, number>;
  /** What was sent for the transaction. */
  sent: Request<unknown>[];
}

interface Ending {
  event: TransactionEvent;
  as: 'commit' | 'abort';
  producer: ProducerIdentity;
}

export class KafkaClients {
  private readonly site: ProducerSite;
  private readonly random: Random;
  private readonly events: TransactionEvents;
  private readonly slowness: number;
  private readonly gateways: Gateway[] = [];
  /** Two that declared the same would take each other's transaction for their own. */
  private readonly declared = new Set<number>();

  constructor(site: ProducerSite, events: TransactionEvents) {
    this.site = site;
    this.random = site.scheduler.random;
    this.events = events;
    this.slowness = site.slowness ?? 1;
  }

  /** One more process that requests may come to. */
  serve(broker: Broker, process: SimulatedProcess): void {
    this.gateways.push({ broker, process });
  }

  /** Takes the id over, and makes transactions until somebody else does. */
  async run(id: string, process: SimulatedProcess): Promise<void> {
    for (let takeover = 0; takeover < TAKEOVERS_MAX; takeover++) {
      const session = await this.takeOver(id, process);
      if (session !== undefined) await this.makeTransactions(session);
      await this.pause(process, 800);
    }
  }

  private async takeOver(id: string, process: SimulatedProcess): Promise<Session | undefined> {
    const timeoutMs = TIMEOUT_MS * this.slowness;
    const answer = await this.persistently(process, (broker) =>
      initializeTransactions(broker, { transactionalId: id, timeoutMs }),
    );
    if (answer.kind !== 'answered') return undefined;
    const { epoch, producer } = answer.value;
    const { history } = this.site;
    history.producers.initializations.push({ transactionalId: id, epoch, answeredAt: history.tick() });
    const late = epoch - producer.epoch + LATE_EPOCH;
    if (epoch < late && !this.declared.has(late) && this.random.fraction() < 0.3) {
      await this.declareLateEpoch(id, process, late);
      return undefined;
    }
    return { id, process, producer, epoch, sequences: new Map(), sent: [] };
  }

  /** By a transaction of one request, which says itself what its epoch is. */
  private async declareLateEpoch(id: string, process: SimulatedProcess, epoch: number): Promise<void> {
    this.declared.add(epoch);
    const caller = { epoch, number: 0 };
    const event = this.events.begin(id, caller);
    const records = this.events.someRecords(event, id);
    const offsets = this.events.someOffsets(event, true);
    this.events.asked(event);
    const answer = await this.ask(process, (broker) =>
      transact(broker, { transactionalId: id, caller, records, ...(offsets && { offsets }) }),
    );
    if (answer.kind === 'answered') this.events.committed(event, firstOffsets(answer.value.records));
    if (answer.kind === 'refused') this.events.failed(event, answer.fault);
  }

  private async makeTransactions(session: Session): Promise<void> {
    for (let count = 0; count < TRANSACTIONS; count++) {
      if (!(await this.makeTransaction(session))) return;
      await this.pause(session.process, 60);
    }
  }

  /** Whether the id is still this client's. */
  private async makeTransaction(session: Session): Promise<boolean> {
    const { id, process, epoch, producer } = session;
    const event = this.events.begin(id, { epoch, number: 0 });
    event.producer = producer;
    session.sent = [];
    for (let part = randomBelow(this.random, 3); part >= 0; part--) {
      if (!(await this.send(session, event))) return this.end(session, { event, as: 'abort', producer });
      await this.pause(process, this.random.fraction() < 0.05 ? TIMEOUT_MS * 3 : 80);
    }
    if (this.random.fraction() < 0.25) return this.end(session, { event, as: 'abort', producer });
    return this.end(session, { event, as: 'commit', producer });
  }

  /** Some requests, in flight together. False where one of them came to nothing. */
  private async send(session: Session, event: TransactionEvent): Promise<boolean> {
    const { id, process, producer } = session;
    const records = this.events.someRecords(event, id);
    const partitions = Map.groupBy(records, ({ topic, partition }) => `${topic}-${partition}`);
    const requests: Request<unknown>[] = [...partitions.values()].map((own) => this.producing(session, own));
    const offsets = this.events.someOffsets(event, records.length === 0);
    if (offsets !== undefined) {
      const request = { transactionalId: id, producer, offsets, begin: true };
      requests.push((broker) => addGroupOffsets(broker, request));
    }
    session.sent.push(...requests);
    const answers = await Promise.all(requests.map((request) => this.persistently(process, request)));
    return answers.every(({ kind }) => kind === 'answered');
  }

  /** Records of one partition. */
  private producing({ id, producer, sequences }: Session, records: readonly TransactionRecord[]): Request<unknown> {
    const [{ topic, partition = 0 }] = records as [TransactionRecord];
    const name = `${topic}-${partition}`;
    const baseSequence = sequences.get(name) ?? 0;
    sequences.set(name, baseSequence + records.length);
    const batch = () =>
      encodeBatch(
        records.map(({ value }) => ({ timestamp: -1, key: null, value, headers: [] })),
        { producerId: BigInt(producer.id), producerEpoch: producer.epoch, baseSequence, transactional: true },
      );
    return (broker) =>
      produceInTransaction(broker, { transactionalId: id, topic, partition, batches: batch(), enlists: true });
  }

  /** Whether the client goes on. */
  private async end(session: Session, ending: Ending): Promise<boolean> {
    const { process } = session;
    const { event, as } = ending;
    if (as === 'abort') this.events.aborted(event);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (as === 'commit') this.events.asked(event);
      const answer = await this.ask(process, this.ending(session.id, ending));
      if (answer.kind === 'answered') return this.goOn(session, ending, answer.value);
      if (answer.kind === 'refused') {
        const { fault } = answer;
        if (as === 'commit') this.events.failed(event, fault);
        // It took too long, which is an abort.
        if (fault.code === 'INVALID_TXN_STATE' && as === 'commit') return this.end(session, { ...ending, as: 'abort' });
        if (FENCED.has(fault.code)) {
          this.site.history.producers.fencedEnds.push({ transaction: event, answeredAt: this.site.history.tick() });
        }
        if (!fault.retriable) return false;
      }
      await this.pause(process, 150);
    }
    return false;
  }

  private ending(id: string, { as, producer }: Ending): Request<ProducerIdentity> {
    return (broker) => endTransaction(broker, { transactionalId: id, producer, as, raises: true });
  }

  private goOn(session: Session, ending: Ending, producer: ProducerIdentity): true {
    const { id, process, sent } = session;
    this.note(ending, producer);
    session.producer = producer;
    session.epoch++;
    session.sequences.clear();
    if (this.random.fraction() < 0.3) {
      this.later(process, 100, async () => {
        const again = await this.ask(process, this.ending(id, ending));
        if (again.kind === 'answered') this.note(ending, again.value);
      });
    }
    for (const request of sent) {
      if (this.random.fraction() < 0.3) this.later(process, 600, async () => void (await this.ask(process, request)));
    }
    return true;
  }

  private note({ event, as, producer }: Ending, after: ProducerIdentity): void {
    this.site.history.producers.ends.push({ transaction: event, as, before: producer, after });
    if (as === 'commit') this.events.committed(event, []);
  }

  private later(process: SimulatedProcess, maxMs: number, work: () => Promise<void>): void {
    const { scheduler, leave } = this.site;
    scheduler.schedule(process, this.random.fraction() * maxMs * this.slowness, () => leave(work()));
  }

  /** Of one process after the other, until it is answered with more than that it is to be asked again. */
  private async persistently<T>(process: SimulatedProcess, request: Request<T>): Promise<Answer<T>> {
    let answer: Answer<T> = { kind: 'lost' };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      answer = await this.ask(process, request);
      // Of requests in flight together one may come before the one that it follows.
      const isEarly = answer.kind === 'refused' && answer.fault.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER';
      if (answer.kind === 'answered' || (answer.kind === 'refused' && !answer.fault.retriable && !isEarly)) break;
      await this.pause(process, 100);
    }
    return answer;
  }

  /** Some process, which may crash before it answers, or take too long. */
  private async ask<T>(process: SimulatedProcess, request: Request<T>): Promise<Answer<T>> {
    const { scheduler, leave } = this.site;
    const alive = this.gateways.filter((gateway) => gateway.process.alive);
    const gateway = alive[randomBelow(this.random, Math.max(1, alive.length))];
    if (gateway === undefined) return { kind: 'lost' };
    const answer = await new Promise<Answer<T>>((resolve) => {
      const asked = request(gateway.broker).then(
        (value) => resolve({ kind: 'answered', value }),
        (fault: unknown) => {
          if (!(fault instanceof MillraceError)) throw fault;
          resolve({ kind: 'refused', fault });
        },
      );
      leave(asked);
      scheduler.schedule(process, REQUEST_TIMEOUT_MS * this.slowness, () => resolve({ kind: 'lost' }));
    });
    // A client that has crashed meanwhile hears nothing.
    await scheduler.pause(process, this.random.fraction());
    return answer;
  }

  private pause(process: SimulatedProcess, maxMs: number): Promise<void> {
    return this.site.scheduler.pause(process, this.random.fraction() * maxMs * this.slowness);
  }
}
