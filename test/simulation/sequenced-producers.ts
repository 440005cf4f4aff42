/**
 * Idempotent producers. Each outlives the processes that it sends through: what one of them has not been answered when
 * it crashes, the next one sends again, under the same sequence. A batch may also be under way through several
 * processes at once, be sent again long after its ack, and come from an epoch that the producer has left behind.
 *
 * An epoch's first batch of a partition is sent alone: a ledger that knows nothing of a producer takes any sequence.
 */
import type { Broker } from '../../lib/broker/broker.ts';
import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { History, SequencedBatch } from './history.ts';
import { type Place, paddingOf, valueOf } from './readings.ts';
import type { Scheduler, SimulatedProcess } from './scheduler.ts';
import type { ProducerSite } from './transactional-producers.ts';

const ATTEMPTS_MAX = 5;
const LANES = 3;
const ROUNDS = 14;
/** Longer than a producer's place in a head is its own (`limits.producerIdleInHeadMs`). */
const LONG_IDLE_MS = 31_000;
/** More than a head has places for, in two waves that are so long apart. */
const CROWDS = [16, 34] as const;
/** How far a sequence is ahead that must be refused: further than a producer ever comes. */
const JUMP = 10_000;

interface Pending {
  batch: SequencedBatch;
  payload: Uint8Array[];
  /** The process that sends it. */
  owner: SimulatedProcess;
  settled: boolean;
}

/** The sequences of one epoch in one partition. */
interface Line {
  place: Place;
  next: number;
  sent: Pending[];
}

interface Producer {
  name: string;
  epoch: number;
  /** By epoch and place. */
  lines: Map<string, Line>;
  rounds: number;
}

interface Peer {
  broker: Broker;
  process: SimulatedProcess;
}

export class SequencedProducers {
  private readonly history: History;
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private readonly places: readonly Place[];
  private readonly leave: ProducerSite['leave'];
  private readonly roundMs: number;
  private readonly leaderAcks: number | undefined;
  private readonly idleVisits: number;
  private readonly producers = new Map<string, Producer>();
  private readonly peers: Peer[] = [];
  private values = 0;

  constructor({ history, scheduler, places, leave, roundMs = 60, leaderAcks, idleVisits = 2 }: ProducerSite) {
    this.history = history;
    this.scheduler = scheduler;
    this.random = scheduler.random;
    this.places = places;
    this.leave = leave;
    this.roundMs = roundMs;
    this.leaderAcks = leaderAcks;
    this.idleVisits = idleVisits;
  }

  /** Sends as this producer, and goes on where the process before has crashed. */
  async run(name: string, broker: Broker, process: SimulatedProcess): Promise<void> {
    const producer = this.producers.get(name) ?? { name, epoch: 0, lines: new Map<string, Line>(), rounds: ROUNDS };
    this.producers.set(name, producer);
    this.peers.push({ broker, process });
    await this.takeOver(producer, broker, process);
    const lane = async () => {
      // Its lanes, and those of the process that follows a crash, share the rounds.
      for (; producer.rounds > 0; ) {
        producer.rounds--;
        await this.round(producer, broker, process);
        await this.scheduler.pause(process, this.random.fraction() * this.roundMs);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    // The first time, others have taken the producer's place in the heads; the second time they are idle too.
    for (let visit = 0; visit < this.idleVisits; visit++) {
      await this.scheduler.pause(process, LONG_IDLE_MS + this.random.fraction() * 15_000);
      await this.sendAgain(producer, broker, process);
      for (let more = 0; more < 2; more++) await this.round(producer, broker, process);
    }
  }

  /** Many producers at once, of one batch each; later as many others again, when the first have been idle for long. */
  async crowd(broker: Broker, process: SimulatedProcess): Promise<void> {
    for (const [wave, count] of CROWDS.slice(0, this.idleVisits).entries()) {
      const newcomers = Array.from({ length: count }, (_, index) => {
        const name = `crowd${wave}.${index} of ${process.name}`;
        const producer = { name, epoch: 0, lines: new Map<string, Line>(), rounds: 0 };
        return this.send(broker, process, this.allocate(producer, 0, this.places[0] as Place, process, 1));
      });
      await Promise.all(newcomers);
      await this.scheduler.pause(process, LONG_IDLE_MS + this.random.fraction() * 3_000);
    }
  }

  private async round(producer: Producer, broker: Broker, process: SimulatedProcess): Promise<void> {
    const place = this.anyPlace();
    if (this.random.fraction() < 0.05) await this.restart(producer);
    const pending = this.next(producer, producer.epoch, place, process);
    if (pending === undefined) {
      // The line's first batch is on its way, or was given up.
      if (this.random.fraction() < 0.05) await this.restart(producer);
      return this.scheduler.pause(process, 50);
    }
    if (pending.batch.firstSequence > 0 && this.random.fraction() < 0.05) {
      this.leave(this.attempt(broker, this.ahead(producer, pending, process)));
    }
    if (this.random.fraction() < 0.15) this.sendThroughPeer(pending);
    await this.sendUntilSettled(producer, broker, process, pending);
    if (this.random.fraction() < 0.1) await this.attempt(broker, pending);
  }

  /** What a crashed process has left behind, several at once and in no order but that of each partition's first. */
  private async takeOver(producer: Producer, broker: Broker, process: SimulatedProcess): Promise<void> {
    const left = [...producer.lines.values()].flatMap(({ sent }) =>
      sent.filter(({ settled, batch, owner }) => !settled && !owner.alive && batch.epoch === producer.epoch),
    );
    const sends = left.map(async (pending) => {
      pending.owner = process;
      await this.sendUntilSettled(producer, broker, process, pending);
    });
    await Promise.all(sends);
  }

  /** Begins a new epoch; somebody who has not heard of it goes on in the old one for a while. */
  private async restart(producer: Producer): Promise<void> {
    const old = producer.epoch++;
    for (const line of producer.lines.values()) {
      if (line.sent[0]?.batch.epoch !== old) continue;
      const zombie = this.anyPeer();
      if (zombie === undefined) continue;
      const pending = this.next(producer, old, line.place, zombie.process);
      if (pending === undefined) continue;
      const delayMs = this.random.fraction() * 2_000;
      this.scheduler.schedule(zombie.process, delayMs, () => this.leave(this.attempt(zombie.broker, pending)));
    }
  }

  /** The newest batches that were acked, as by a sender to whom the ack has not come. */
  private async sendAgain(producer: Producer, broker: Broker, process: SimulatedProcess): Promise<void> {
    for (const { sent } of producer.lines.values()) {
      const last = sent.findLast(({ batch }) => batch.event.answer.kind === 'acked');
      if (last === undefined) continue;
      await this.attempt(broker, last);
      // Of older ones the ledger no longer knows where they are.
      if (this.random.fraction() < 0.3)
        await this.attempt(broker, sent[randomBelow(this.random, sent.length)] as Pending);
      await this.scheduler.pause(process, this.random.fraction() * 30);
    }
  }

  private next(producer: Producer, epoch: number, place: Place, process: SimulatedProcess): Pending | undefined {
    const first = producer.lines.get(lineName(epoch, place))?.sent[0];
    if (first !== undefined && first.batch.event.answer.kind !== 'acked') return undefined;
    return this.allocate(producer, epoch, place, process, 1 + randomBelow(this.random, 3));
  }

  private allocate(producer: Producer, epoch: number, place: Place, process: SimulatedProcess, count: number): Pending {
    const name = lineName(epoch, place);
    const line = producer.lines.get(name) ?? { place, next: 0, sent: [] };
    producer.lines.set(name, line);
    const pending = this.make(producer, { epoch, place, process, count, firstSequence: line.next });
    line.next += count;
    line.sent.push(pending);
    return pending;
  }

  /** A batch that leaves a gap behind this one, of a producer that the partition knows. */
  private ahead(producer: Producer, { batch }: Pending, process: SimulatedProcess): Pending {
    const { epoch, event, firstSequence } = batch;
    const place = { topic: event.topic, partition: event.partition };
    return this.make(producer, { epoch, place, process, count: 1, firstSequence: firstSequence + JUMP });
  }

  private make(
    { name }: Producer,
    {
      epoch,
      place,
      process,
      count,
      firstSequence,
    }: Pick<SequencedBatch, 'epoch' | 'firstSequence'> & {
      place: Place;
      process: SimulatedProcess;
      count: number;
    },
  ): Pending {
    const number = this.values++;
    const values = Array.from({ length: count }, (_, index) => `${name}/${number}/${index}`);
    const askedAt = this.history.tick();
    const isForLeader = this.leaderAcks !== undefined && this.random.fraction() < this.leaderAcks;
    const acks = isForLeader ? { acks: 'leader' as const } : {};
    const event = { writer: name, ...place, values, askedAt, ...acks, answer: { kind: 'none' as const } };
    const batch: SequencedBatch = {
      producer: name,
      epoch,
      firstSequence,
      event,
      asked: 0,
      withoutEffect: 0,
      offsets: [],
      writtenBefore: false,
    };
    this.history.produces.push(event);
    this.history.producers.batches.push(batch);
    const padding = paddingOf(this.random);
    return { batch, payload: values.map((value) => valueOf(value, padding)), owner: process, settled: false };
  }

  /** Again and again, until an answer is final; a producer that cannot know any more begins a new epoch. */
  private async sendUntilSettled(
    producer: Producer,
    broker: Broker,
    process: SimulatedProcess,
    pending: Pending,
  ): Promise<void> {
    await this.send(broker, process, pending);
    if (!pending.settled && producer.epoch === pending.batch.epoch) await this.restart(producer);
  }

  private async send(broker: Broker, process: SimulatedProcess, pending: Pending): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !pending.settled; attempt++) {
      await this.attempt(broker, pending);
      if (!pending.settled) await this.scheduler.pause(process, this.random.fraction() * 200);
    }
  }

  private sendThroughPeer(pending: Pending): void {
    const peer = this.anyPeer();
    if (peer !== undefined) this.leave(this.attempt(peer.broker, pending));
  }

  /** One request; notes what it was answered. */
  private async attempt(broker: Broker, pending: Pending): Promise<void> {
    const { batch, payload } = pending;
    const { event, epoch, firstSequence } = batch;
    const { topic, partition } = event;
    batch.asked++;
    if (event.answer.kind === 'failed') event.answer = { kind: 'none' };
    const producer = { principal: '', id: batch.producer, epoch, firstSequence };
    const records = payload.map((value) => ({ partition, key: null, value, headers: [] }));
    try {
      const [first] = await produceRecords(broker, { topic, records, acks: event.acks ?? 'all', producer });
      if (first?.outcome === 'failed') this.failed(pending, first.error);
      else if (first !== undefined && first.outcome !== 'accepted') this.acked(pending, first.offset);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.failed(pending, error);
    }
  }

  private acked(pending: Pending, offset: number): void {
    const { batch } = pending;
    pending.settled = true;
    batch.offsets.push(offset);
    if (batch.event.answer.kind === 'acked') return;
    batch.event.answer = { kind: 'acked', baseOffset: offset, answeredAt: this.history.tick() };
  }

  private failed(pending: Pending, { code, effect }: MillraceError): void {
    const { batch } = pending;
    if (effect === 'none') batch.withoutEffect++;
    if (code === 'DUPLICATE_SEQUENCE_NUMBER') batch.writtenBefore = true;
    if (code === 'DUPLICATE_SEQUENCE_NUMBER' || code === 'INVALID_PRODUCER_EPOCH') pending.settled = true;
    if (batch.event.answer.kind === 'acked' || batch.withoutEffect < batch.asked) return;
    batch.event.answer = { kind: 'failed', code, effect, answeredAt: this.history.tick() };
  }

  /** The first is used most, so that the producers meet. */
  private anyPlace(): Place {
    const index = this.random.fraction() < 0.5 ? 0 : randomBelow(this.random, this.places.length);
    return this.places[index] as Place;
  }

  private anyPeer(): Peer | undefined {
    const alive = this.peers.filter(({ process }) => process.alive);
    return alive[randomBelow(this.random, Math.max(1, alive.length))];
  }
}

function lineName(epoch: number, { topic, partition }: Place): string {
  return `${epoch}#${topic}#${partition}`;
}
