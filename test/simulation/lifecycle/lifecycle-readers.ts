/**
 * Readers: one after the other from the start, anywhere, since a time, and through a plan, whose URLs they read right
 * away or as late as they may. They keep their processes' caches for as long as these live.
 */
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { type FetchPosition, fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { type PlannedSegment, planFetch } from '../../../lib/broker/fetch/plan-fetch.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import { records } from '../../../lib/log/record-batch/decode.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';
import type { Network } from '../network.ts';
import { EPOCH_MS, type Scheduler, SimulatedProcess } from '../scheduler.ts';
import { mayBeAbsent } from './absence.ts';
import type { LifecycleHistory, Place, ReadingEvent } from './lifecycle-history.ts';
import type { Actor } from './lifecycle-processes.ts';
import { rangeOfUrl } from './planned-urls.ts';
import { textOf } from './true-log.ts';

interface Site {
  scheduler: Scheduler;
  network: Network;
  history: LifecycleHistory;
  places: readonly Place[];
  /** What URLs lead to. */
  bucket: ObjectStore;
  leave: (work: Promise<void>) => void;
}

type PlannedUrl = PlannedSegment & { source: 'url' };

const FETCHES = 1;
const RECENT = 60;
/** A call of a process that was frozen for longer may have missed all that changed meanwhile. */
const PATIENCE_MS = 30 * 60_000;
const URL_ATTEMPTS_MAX = 8;
const HOUR_MS = 60 * 60_000;

export class LifecycleReaders {
  private readonly site: Site;
  /** Whoever was given a URL. */
  private readonly anybody = new SimulatedProcess('anybody');
  private readonly random: Random;

  constructor(site: Site) {
    this.site = site;
    this.random = site.scheduler.random;
  }

  /** What one reader does: it goes on in every round where it was in the one before. */
  reader(): (actor: Actor) => Promise<void> {
    const reached = new Map<Place, number>();
    return async (actor) => {
      await Promise.all(
        this.site.places.map(async (place) => {
          for (let fetch = 0; fetch < FETCHES; fetch++) {
            reached.set(place, await this.readOn(actor, place, reached.get(place) ?? 0));
          }
          await this.readOneWay(actor, place);
          // Whoever wants a table of the newest values reads all of it.
          if (this.isCompacted(place) && this.random.fraction() < 0.4) await this.readAll(actor, place, 'scan');
        }),
      );
      // Some begin anew.
      if (this.random.fraction() < 0.2) reached.clear();
    };
  }

  /** Reads all that there is, from its start to its end. */
  async audit(actor: Actor, place: Place): Promise<void> {
    const start = await this.earliest(actor, place);
    const since = EPOCH_MS + this.random.fraction() * this.site.scheduler.nowMs;
    await this.since(actor, place, Math.floor(since));
    await this.readAll(actor, place, 'audit', start);
  }

  private async readAll(
    actor: Actor,
    place: Place,
    how: 'scan' | 'audit',
    start: number | undefined = 0,
  ): Promise<void> {
    for (let offset = start; ; ) {
      const next = await this.fetch(actor, place, { at: 'offset', offset }, how);
      if (next === undefined || next <= offset) return;
      offset = next;
    }
  }

  private isCompacted({ topic }: Place): boolean {
    const { topics } = this.site.history.plan;
    return topics.some(({ name, deleteRetentionMs }) => name === topic && deleteRetentionMs !== undefined);
  }

  private async readOneWay(actor: Actor, place: Place): Promise<void> {
    const lot = this.random.fraction();
    const known = this.site.history.latest(place)?.records.length ?? 0;
    // Often where merging is just now.
    const back = this.random.fraction() < 0.5 ? RECENT : known;
    const offset = Math.max(0, known - randomBelow(this.random, back + 1));
    if (lot < 0.3) await this.fetch(actor, place, { at: 'offset', offset });
    else if (lot < 0.4) await this.earliest(actor, place);
    else if (lot < 0.6) await this.since(actor, place, this.someTime());
    else await this.readByPlan(actor, place, offset);
  }

  private someTime(): number {
    const { nowMs } = this.site.scheduler;
    return EPOCH_MS + Math.floor(nowMs - this.random.fraction() * Math.min(nowMs, 5 * HOUR_MS));
  }

  /** Answers where to go on, from the start if what was to come is gone. */
  private async readOn(actor: Actor, place: Place, offset: number): Promise<number> {
    const next = await this.fetch(actor, place, { at: 'offset', offset });
    if (next !== undefined) return next;
    return (await this.earliest(actor, place)) ?? offset;
  }

  private async fetch(
    actor: Actor,
    place: Place,
    position: FetchPosition & { at: 'offset' },
    how: ReadingEvent['how'] = 'fetch',
  ): Promise<number | undefined> {
    const maxBytes = how !== 'fetch' ? 50_000 : 200 + randomBelow(this.random, 6_000);
    const request = { ...place, position, maxBytes, maxRecords: 1 + randomBelow(this.random, 100), minBytes: 1 };
    const answer = await this.ask(actor, place, { what: how, offset: position.offset }, () =>
      fetchRecords(actor.broker, { ...request, waitMs: 0 }),
    );
    if (answer === undefined) return undefined;
    const { nextOffset, records: found } = answer.result;
    const texts = found.map((record) => ({ offset: record.offset, text: textOf(record) }));
    this.note(actor, place, { how, ...answer, from: position.offset, to: nextOffset, records: texts });
    return nextOffset;
  }

  private async earliest(actor: Actor, place: Place): Promise<number | undefined> {
    const answer = await this.ask(actor, place, { what: 'earliest' }, () =>
      listOffsets(actor.broker, { ...place, at: { at: 'earliest' } }),
    );
    const offset = answer?.result.offset;
    if (answer === undefined || typeof offset !== 'number') return undefined;
    const { askedAt, answeredAt } = answer;
    this.site.history.earliests.push({ reader: actor.process.name, ...place, askedAt, answeredAt, offset });
    return offset;
  }

  private async since(actor: Actor, place: Place, timestampMs: number): Promise<void> {
    const answer = await this.ask(actor, place, { what: `since ${timestampMs}` }, () =>
      listOffsets(actor.broker, { ...place, at: { at: 'timestamp', timestampMs } }),
    );
    if (answer === undefined) return;
    const { askedAt, answeredAt, result } = answer;
    const offset = result.offset ?? undefined;
    const reader = actor.process.name;
    this.site.history.sinces.push({ reader, ...place, askedAt, answeredAt, timestampMs, offset });
  }

  private async readByPlan(actor: Actor, place: Place, offset: number): Promise<void> {
    const plannedMs = this.site.scheduler.nowMs;
    const answer = await this.ask(actor, place, { what: 'plan', offset }, () =>
      planFetch(actor.broker, { ...place, offset, maxBytes: 200 + randomBelow(this.random, 6_000) }),
    );
    if (answer === undefined) return;
    const { segments, nextOffset: to } = answer.result;
    const covered = segments.map(({ baseOffset, lastOffset }) => ({ baseOffset, lastOffset }));
    this.site.history.count('plans');
    const { answeredAt } = answer;
    this.notePlan(place, { reader: actor.process.name, offset, to, answeredAt, covered });
    for (const segment of segments) {
      if (segment.source === 'url') {
        this.site.leave(this.readUrl(actor, place, { segment, plannedMs, askedAt: answer.askedAt }));
      } else {
        const found = recordsIn(segment.batches, segment);
        const [from, end] = [Math.max(offset, segment.baseOffset), segment.lastOffset + 1];
        this.note(actor, place, { how: 'plan', ...answer, from, to: end, records: found });
      }
    }
  }

  /** A plan goes from where it was asked to where it is to go on. */
  private notePlan(
    { topic, partition }: Place,
    plan: {
      reader: string;
      offset: number;
      to: number;
      answeredAt: number;
      covered: { baseOffset: number; lastOffset: number }[];
    },
  ): void {
    let next = plan.offset;
    for (const { baseOffset, lastOffset } of plan.covered) {
      if (!this.mayBeEmpty({ topic, partition }, { ...plan, from: next, to: baseOffset })) break;
      next = Math.max(next, lastOffset + 1);
    }
    if (this.mayBeEmpty({ topic, partition }, { ...plan, from: next })) return;
    const what = `${plan.reader} asked for a plan of ${topic} ${partition} from ${plan.offset} to ${plan.to}, and got it to ${next}`;
    this.site.history.failures.push(what);
  }

  /** Of what compaction or an erasure has emptied there is nothing to read. */
  private mayBeEmpty(
    place: Place,
    { from, to, answeredAt }: { from: number; to: number; answeredAt: number },
  ): boolean {
    const { history } = this.site;
    if (from >= to) return true;
    const offsets = Array.from({ length: to - from }, (_, index) => from + index);
    return history
      .of(place)
      .some((partition) => offsets.every((offset) => mayBeAbsent(history, partition, { offset, answeredAt })));
  }

  /** At some time at which the URL still works, as anybody may who was given it. */
  private async readUrl(
    actor: Actor,
    place: Place,
    { segment, plannedMs, askedAt }: { segment: PlannedUrl; plannedMs: number; askedAt: number },
  ): Promise<void> {
    const { scheduler, network, bucket, history } = this.site;
    const { name, range, expiresMs } = rangeOfUrl(segment.url);
    const waitMs = this.random.fraction() < 0.5 ? 0 : this.random.fraction() * (expiresMs - plannedMs);
    await scheduler.pause(this.anybody, waitMs);
    for (let attempt = 0; attempt < URL_ATTEMPTS_MAX; attempt++) {
      try {
        const bytes = await network.call(this.anybody, `url ${name}`, 'read', async () =>
          // Whoever comes too late is refused.
          scheduler.nowMs > expiresMs ? 'expired' : bucket.getRange(name, range),
        );
        if (bytes === 'expired') return;
        history.count('URLs read');
        this.noteUrl(actor, place, { segment, bytes, askedAt });
        return;
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
      }
    }
  }

  private noteUrl(
    actor: Actor,
    place: Place,
    { segment, bytes, askedAt }: { segment: PlannedUrl; bytes: Uint8Array | undefined; askedAt: number },
  ): void {
    const { history } = this.site;
    const what = `${place.topic} ${place.partition} ${segment.baseOffset} at ${segment.url} of ${actor.process.name}`;
    if (bytes === undefined) {
      // A topic that is deleted takes its objects with it.
      if (!this.mayBeDeleted(place)) history.failures.push(`${what}: it leads nowhere`);
      return;
    }
    if (bytes.length !== segment.bytes || crc32c(bytes) !== segment.crc32c) {
      history.failures.push(`${what}: it leads to other bytes`);
      return;
    }
    const found = recordsIn(bytes, segment);
    const answeredAt = history.tick();
    const { baseOffset: from, lastOffset } = segment;
    this.note(actor, place, { how: 'url', askedAt, answeredAt, from, to: lastOffset + 1, records: found });
  }

  private note(actor: Actor, { topic, partition }: Place, event: Omit<ReadingEvent, 'reader' | keyof Place>): void {
    const { how, askedAt, answeredAt, from, to } = event;
    const found = { reader: actor.process.name, topic, partition, how, askedAt, answeredAt, from, to };
    this.site.history.readings.push({ ...found, records: event.records });
  }

  /** `undefined` where it came to nothing; what may not be is noted. */
  private async ask<T>(
    actor: Actor,
    place: Place,
    { what, offset }: { what: string; offset?: number },
    work: () => Promise<T>,
  ): Promise<{ result: T; askedAt: number; answeredAt: number } | undefined> {
    const { history, scheduler } = this.site;
    const askedAt = history.tick();
    const askedMs = scheduler.nowMs;
    try {
      const result = await work();
      return { result, askedAt, answeredAt: history.tick() };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const answeredAt = history.tick();
      if (error.code === 'OFFSET_OUT_OF_RANGE' && offset !== undefined) {
        history.outOfRanges.push({ reader: actor.process.name, ...place, askedAt, answeredAt, offset });
        return undefined;
      }
      if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION' && this.mayBeDeleted(place)) return undefined;
      if (actor.mishapMs >= askedMs || scheduler.nowMs - askedMs > PATIENCE_MS) return undefined;
      history.failures.push(
        `${actor.process.name} asked ${what} ${offset ?? ''} of ${place.topic} ${place.partition} at ${askedMs.toFixed(0)} and got ${error.code}: ${error.message}`,
      );
      return undefined;
    }
  }

  private mayBeDeleted({ topic }: Place): boolean {
    return this.site.history.plan.topics.some(({ name, passes }) => name === topic && passes);
  }
}

/** The records of the segment's offsets, in bytes that may have more. */
function recordsIn(
  bytes: Uint8Array,
  {
    baseOffset,
    lastOffset,
    ...segment
  }: Pick<PlannedSegment, 'baseOffset' | 'lastOffset'> & { offsets?: 'absolute'; source: string },
): ReadingEvent['records'] {
  const found = [...records(bytes, nodeCompression)];
  // Bytes that come along have their offsets, and those behind a URL only where it says so.
  const isAbsolute = segment.source === 'bytes' || segment.offsets === 'absolute';
  return found
    .map((record, index) => ({ offset: isAbsolute ? record.offset : baseOffset + index, text: textOf(record) }))
    .filter(({ offset }) => offset >= baseOffset && offset <= lastOffset);
}
