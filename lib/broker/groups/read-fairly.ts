/**
 * Records of many partitions for one answer. Those that have records share it evenly, beginning with one by chance, so
 * that none is always last; what some leave goes to those that have more. A partition that cannot be read now keeps the
 * others from nothing.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { LogRecord } from '../../log/record-batch/record.ts';
import type { Broker } from '../broker.ts';
import { fetchRecords } from '../fetch/fetch.ts';
import { highWatermark } from '../ledger/replicated.ts';
import { type OffsetReset, type Place, resetAfter } from './places.ts';

export interface ReadLimits {
  maxRecords: number;
  maxBytes: number;
  reset: OffsetReset;
  rack?: string;
}

export interface PartitionRecords {
  place: Place;
  records: LogRecord[];
  /** Where to go on after all of them. */
  nextOffset: number;
}

/** What there is now, as far as the newest known heads say; places move over what was lost and what is out of range. */
export async function readFairly(
  broker: Broker,
  places: readonly Place[],
  limit: ReadLimits,
): Promise<PartitionRecords[]> {
  const reading = new Reading(broker, limit);
  let ready = rotated(
    places.filter((place) => isReady(place, broker.heads.peek(place.ledger))),
    broker.random.fraction(),
  );
  for (let round = 0; round < groupLimits.pollRoundsMax && ready.length > 0 && reading.hasRoom; round++) {
    ready = await reading.round(ready);
  }
  if (reading.found.size === 0 && reading.fault !== undefined) throw reading.fault;
  return [...reading.found.values()];
}

/** Something is to be read, or the place is not in the partition, which is found out by reading. */
export function isReady({ slot, offset }: Pick<Place, 'slot' | 'offset'>, head: LedgerHead | undefined): boolean {
  if (head === undefined) return false;
  return (
    offset < highWatermark(head, slot) || offset < (head.start[slot] as number) || offset > (head.next[slot] as number)
  );
}

class Reading {
  readonly found = new Map<Place, PartitionRecords>();
  fault: MillraceError | undefined;
  private readonly broker: Broker;
  private readonly limit: ReadLimits;
  private records: number;
  private bytes: number;

  constructor(broker: Broker, limit: ReadLimits) {
    this.broker = broker;
    this.limit = limit;
    this.records = limit.maxRecords;
    this.bytes = limit.maxBytes;
  }

  /** The first record is taken whatever its size. */
  get hasRoom(): boolean {
    return this.records > 0 && (this.bytes > 0 || this.found.size === 0);
  }

  /** Each place's share of what is left; those that have more. */
  async round(ready: readonly Place[]): Promise<Place[]> {
    const more: Place[] = [];
    const width = groupLimits.pollPartitionsInFlightMax;
    for (let at = 0; at < ready.length && this.hasRoom; at += width) {
      const left = ready.length - at;
      const share = {
        maxRecords: Math.max(1, Math.ceil(this.records / left)),
        maxBytes: Math.max(1, Math.floor(this.bytes / left)),
      };
      const batch = ready.slice(at, at + width);
      const results = await mapBounded(batch, width, (place) => this.read(place, share));
      for (const [index, records] of results.entries()) {
        if (records !== undefined && this.take(batch[index] as Place, records)) more.push(batch[index] as Place);
      }
    }
    return more;
  }

  /** Whether there may be more. */
  private take(place: Place, { records, nextOffset, hasMore }: PartitionRecords & { hasMore: boolean }): boolean {
    const known = this.found.get(place) ?? { place, records: [], nextOffset: place.offset };
    const taken = records.slice(0, Math.max(0, this.records));
    this.records -= taken.length;
    for (const record of taken) this.bytes -= sizeOf(record);
    known.records.push(...taken);
    known.nextOffset = records[taken.length]?.offset ?? nextOffset;
    if (known.records.length > 0) this.found.set(place, known);
    else place.offset = known.nextOffset;
    return hasMore && taken.length === records.length;
  }

  private async read(
    place: Place,
    share: { maxRecords: number; maxBytes: number },
  ): Promise<(PartitionRecords & { hasMore: boolean }) | undefined> {
    const offset = this.found.get(place)?.nextOffset ?? place.offset;
    try {
      const { topic, partition } = place;
      if ((await this.broker.topics.get(topic)).topicId !== place.topicId) return this.gone(place);
      const fetched = await fetchRecords(this.broker, {
        topic,
        partition,
        position: { at: 'offset', offset },
        ...share,
        minBytes: 1,
        waitMs: 0,
        rack: this.limit.rack,
      });
      const { records, nextOffset, highWatermark: end } = fetched;
      return { place, records, nextOffset, hasMore: nextOffset < end };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      if (error.code === 'OFFSET_OUT_OF_RANGE') {
        resetAfter(place, error, this.limit.reset);
        return { place, records: [], nextOffset: place.offset, hasMore: true };
      }
      if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return this.gone(place);
      this.fault = error;
      return undefined;
    }
  }

  /** Its partitions are taken away by the next look over the group; until then there is nothing to wait for. */
  private gone(place: Place): undefined {
    this.broker.heads.drop(place.ledger);
  }
}

function sizeOf({ key, value, headers }: LogRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}

function rotated<T>(list: readonly T[], fraction: number): T[] {
  const from = Math.floor(fraction * list.length);
  return [...list.slice(from), ...list.slice(0, from)];
}

/** The places by their ledgers. */
export function byLedger<P extends Pick<Place, 'ledger'>>(places: readonly P[]): { ledger: LedgerId; own: P[] }[] {
  const groups = Map.groupBy(places, ({ ledger }) => ledgerName(ledger));
  return [...groups.values()].map((own) => ({ ledger: (own[0] as P).ledger, own }));
}
