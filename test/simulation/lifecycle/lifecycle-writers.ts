/**
 * Writers of a few small records at a time: with sequences and without, of one partition each or of several in a
 * transaction. An idempotent producer outlives its processes, and sends its newest batch once more hours after its ack.
 */
import { produceRecords, type RecordOutcome } from '../../../lib/broker/produce/produce.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import { EPOCH_MS, type Scheduler } from '../scheduler.ts';
import { SUBJECT_HEADER } from './erasure-watch.ts';
import type { LifecycleHistory, Place } from './lifecycle-history.ts';
import type { Actor } from './lifecycle-processes.ts';
import { textOf } from './true-log.ts';

interface Site {
  scheduler: Scheduler;
  history: LifecycleHistory;
  places: readonly Place[];
}

export interface Written {
  key: Uint8Array;
  value: Uint8Array | null;
  headers: { key: string; value: Uint8Array }[];
  timestamp?: number;
}

/** The batches of one producer to one partition. */
interface Line {
  place: Place;
  epoch: number;
  next: number;
  /** The newest one that was acked. */
  last?: { records: Written[]; epoch: number; firstSequence: number; offset: number };
}

const WRITES = 5;
const ATTEMPTS_MAX = 6;
export const KEYS = 8;
/** Whose the records are. */
export const SUBJECTS = 6;
/** So that a tombstone is the newest of its key for a while. */
const COMPACTED_KEYS = 60;
const MINUTE_MS = 60_000;

export class LifecycleWriters {
  private readonly site: Site;
  private readonly random: Random;
  private readonly lines = new Map<string, Line>();
  private values = 0;

  constructor(site: Site) {
    this.site = site;
    this.random = site.scheduler.random;
  }

  /** Some requests one after the other, and others at the same time. */
  async write(actor: Actor): Promise<void> {
    const lane = async () => {
      for (let write = 0; write < WRITES; write++) {
        const lot = this.random.fraction();
        if (lot < 0.15) await this.transact(actor);
        else await this.produce(actor, this.anyPlace());
        if (this.random.fraction() < 0.2) await this.pause(actor, 200);
      }
    };
    await Promise.all(Array.from({ length: 1 + randomBelow(this.random, 2) }, lane));
  }

  /** As this producer, which goes on where the process before it was. */
  async writeInSequence(name: string, actor: Actor): Promise<void> {
    for (const place of this.site.places) {
      const id = `${name} ${place.topic} ${place.partition}`;
      const line = this.lines.get(id) ?? { place, epoch: 0, next: 0 };
      this.lines.set(id, line);
      if (line.last !== undefined && this.random.fraction() < 0.3) await this.sendAgain(name, line, actor);
      // Often idle for so long that what it wrote last is in no page any more.
      const batches = this.random.fraction() < 0.3 ? 1 + randomBelow(this.random, 4) : 0;
      for (let batch = batches; batch > 0; batch--) await this.sendNext(name, line, actor);
    }
  }

  private async produce({ broker, process }: Actor, place: Place): Promise<void> {
    const records = this.someRecords(process.name, place);
    const { topic, partition } = place;
    await ifPossible(async () => {
      const request = { topic, records: records.map((record) => ({ ...record, partition })), acks: 'all' as const };
      this.acked(process.name, place, records, await produceRecords(broker, request));
    });
  }

  private async transact({ broker, process }: Actor): Promise<void> {
    const parts = this.site.places
      .filter(() => this.random.fraction() < 0.6)
      .map((place) => ({ place, records: this.someRecords(process.name, place) }));
    if (parts.length === 0) return;
    await ifPossible(async () => {
      const records = parts.flatMap((part) => part.records.map((record) => ({ ...record, ...part.place })));
      const answer = await transact(broker, { records });
      this.site.history.count('transactions');
      let at = 0;
      for (const part of parts) {
        const outcomes = answer.records.slice(at, (at += part.records.length));
        this.noteAck(process.name, part.place, part.records, outcomes);
      }
    });
  }

  private async sendNext(name: string, line: Line, actor: Actor): Promise<void> {
    const batch = { records: this.someRecords(name, line.place), epoch: line.epoch, firstSequence: line.next };
    line.next += batch.records.length;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const outcomes = await ifPossible(() => this.sendBatch(name, line.place, actor, batch));
      const [first] = outcomes ?? [];
      if (first?.outcome === 'written' || first?.outcome === 'duplicate') {
        if (line.epoch !== batch.epoch) return;
        line.last = { ...batch, offset: first.offset };
        if (first.outcome === 'written') this.acked(name, line.place, batch.records, outcomes ?? []);
        this.site.history.count('batches in sequence');
        return;
      }
      await this.pause(actor, 150);
    }
    // Nobody knows what became of it, and what comes behind it needs it.
    if (line.epoch === batch.epoch) [line.epoch, line.next] = [batch.epoch + 1, 0];
  }

  private async sendAgain(name: string, line: Line, actor: Actor): Promise<void> {
    const { last, place } = line;
    if (last === undefined) return;
    const outcomes = await ifPossible(() => this.sendBatch(name, place, actor, last));
    const [first] = outcomes ?? [];
    const { retries } = this.site.history;
    const event = { producer: name, ...place, offset: last.offset };
    // What another process has sent meanwhile makes it an old one, and another topic knows nothing of it.
    const passes = this.site.history.plan.topics.some((topic) => topic.name === place.topic && topic.passes);
    if (line.last !== last || first === undefined || passes) return;
    this.site.history.count('batches sent again');
    if (first.outcome === 'duplicate' || first.outcome === 'written') {
      retries.push({ ...event, answer: { kind: 'offset', offset: first.offset } });
    } else if (first.outcome === 'failed' && first.error.code === 'DUPLICATE_SEQUENCE_NUMBER') {
      retries.push({ ...event, answer: { kind: 'place unknown' } });
    }
  }

  private sendBatch(
    id: string,
    { topic, partition }: Place,
    { broker }: Actor,
    { records, epoch, firstSequence }: { records: readonly Written[]; epoch: number; firstSequence: number },
  ): Promise<RecordOutcome[]> {
    const producer = { principal: '', id, epoch, firstSequence };
    return produceRecords(broker, {
      topic,
      records: records.map((record) => ({ ...record, partition })),
      acks: 'all',
      producer,
    });
  }

  private acked(writer: string, place: Place, records: readonly Written[], outcomes: readonly RecordOutcome[]): void {
    const written = outcomes.filter((outcome) => outcome.outcome === 'written');
    if (written.length === records.length) this.noteAck(writer, place, records, written);
  }

  private noteAck(
    writer: string,
    place: Place,
    records: readonly Written[],
    written: readonly { offset: number; timestamp: number }[],
  ): void {
    const texts = records.map((record, index) => textOf({ ...record, timestamp: written[index]?.timestamp ?? -1 }));
    this.site.history.acks.push({ writer, ...place, baseOffset: written[0]?.offset ?? -1, texts });
  }

  /** Some are of the past, and few of the future. */
  someRecords(writer: string, { topic }: Place): Written[] {
    const plan = this.site.history.plan.topics.find(({ name }) => name === topic);
    const isCompacted = plan?.deleteRetentionMs !== undefined;
    const isDeleting = isCompacted && this.random.fraction() < 0.25;
    const number = this.values++;
    const nowMs = EPOCH_MS + Math.floor(this.site.scheduler.nowMs);
    const lot = this.random.fraction();
    const timestamp = lot < 0.1 ? nowMs - 30 * MINUTE_MS : lot < 0.12 ? nowMs + 15 * MINUTE_MS : undefined;
    const padding = this.random.fraction() < 0.3 ? 'x'.repeat(600) : '';
    return Array.from({ length: 1 + randomBelow(this.random, 3) }, (_, index) => ({
      key: utf8(`k${randomBelow(this.random, isCompacted ? COMPACTED_KEYS : KEYS)}`),
      value: isDeleting ? null : utf8(`${writer}/${number}/${index}${padding}`),
      headers: this.someHeaders(),
      ...(timestamp !== undefined && { timestamp }),
    }));
  }

  private someHeaders(): Written['headers'] {
    if (!this.site.history.plan.erases || this.random.fraction() < 0.6) return [];
    const subject = { key: SUBJECT_HEADER, value: utf8(`s${randomBelow(this.random, SUBJECTS)}`) };
    return this.random.fraction() < 0.3 ? [{ key: 'other', value: utf8('s1') }, subject] : [subject];
  }

  private anyPlace(): Place {
    const { places } = this.site;
    return places[randomBelow(this.random, places.length)] as Place;
  }

  private pause({ process }: Actor, maxMs: number): Promise<void> {
    return this.site.scheduler.pause(process, this.random.fraction() * maxMs);
  }
}

/** Nothing of it is known where it fails. */
export async function ifPossible<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return undefined;
  }
}
