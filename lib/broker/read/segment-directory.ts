/**
 * Which merged segment covers an offset. What was found is kept by partition: readers of history ask for one offset
 * after the other. A segment that is replaced keeps its object for a grace, so what is kept may be old, for less than
 * the grace: whoever is handed a URL of the object has to find it there. Whoever misses it forgets it here and asks
 * again.
 */
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import {
  decodeSegmentItem,
  partitionKey,
  SEGMENTS_START,
  type SegmentItem,
  segmentSortKey,
} from '../../log/merged/segment-item.ts';
import type { Consistency, MetadataStore, QueryPage } from '../../storage/metadata/port.ts';

export interface SegmentPlace {
  topicId: TopicId;
  partition: number;
}

export interface SoughtTime {
  timestampMs: number;
  logStart: number;
  /** Segments reach to this offset, or beyond. */
  to: number;
}

interface Found {
  segment: SegmentItem;
  /** By the wall clock: the other one may stand still while the process is frozen. */
  atMs: number;
}

export class SegmentDirectory {
  private readonly metadata: MetadataStore;
  private readonly clock: Clock;
  /** The last ones found, by partition; `doubtful`: what was found there was wrong. */
  private readonly found = new LruMap<string, Found | 'doubtful'>(storageLimits.segmentItemCacheEntries);

  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    this.metadata = metadata;
    this.clock = clock;
  }

  /** `undefined`: none does, as a strong read shows. */
  async covering(place: SegmentPlace, offset: number): Promise<SegmentItem | undefined> {
    const pk = partitionKey(place.topicId, place.partition);
    const known = this.found.get(pk);
    const atMs = this.clock.now();
    if (known !== undefined && known !== 'doubtful' && covers(known.segment, offset) && isYoung(known, atMs)) {
      return known.segment;
    }
    // An eventual read may find once more what was wrong.
    const likely = known === 'doubtful' ? undefined : await this.look(pk, offset, 'eventual');
    const segment = likely ?? (await this.look(pk, offset, 'strong'));
    if (segment !== undefined) this.found.set(pk, { segment, atMs });
    return segment;
  }

  /** What is known of the partition is wrong, or may be. */
  forget({ topicId, partition }: SegmentPlace): void {
    this.found.set(partitionKey(topicId, partition), 'doubtful');
  }

  /**
   * The first segment with a record of this time or a later one, and of an offset at or above `logStart`; `undefined`:
   * all are older. What is read by several queries, while segments are replaced, or after their topic was deleted, may
   * lack some: that is a fault, and is to be read again.
   */
  async since(
    { topicId, partition }: SegmentPlace,
    { timestampMs, logStart, to }: SoughtTime,
  ): Promise<SegmentItem | undefined> {
    const pk = partitionKey(topicId, partition);
    const atMs = this.clock.now();
    let end = logStart;
    let from: string | undefined = SEGMENTS_START;
    while (from !== undefined) {
      const page: QueryPage = await this.metadata.query({
        pk,
        from,
        limit: storageLimits.segmentItemsPerQuery,
        consistency: 'strong',
      });
      for (const segment of page.items.map(decodeSegmentItem)) {
        if (segment.end <= end) continue;
        if (segment.base > end) throw segmentMissing(partition, end);
        if ((segment.newestMs ?? -1) >= timestampMs) {
          // It is asked for next, by its offset.
          this.found.set(pk, { segment, atMs });
          return segment;
        }
        end = segment.end;
      }
      from = page.next;
    }
    if (end < to) throw segmentMissing(partition, end);
    return undefined;
  }

  private async look(pk: string, offset: number, consistency: Consistency): Promise<SegmentItem | undefined> {
    const to = segmentSortKey(offset + 1);
    const { items } = await this.metadata.query({ pk, to, descending: true, limit: 1, consistency });
    const [item] = items;
    if (item === undefined) return undefined;
    const segment = decodeSegmentItem(item);
    return covers(segment, offset) ? segment : undefined;
  }
}

/** A newer view may heal it. */
export function segmentMissing(partition: number, offset: number): MillraceError {
  return new MillraceError(
    'KAFKA_STORAGE_ERROR',
    `Offset ${offset} of partition ${partition} is in the log and in no segment; try again.`,
  );
}

function covers({ base, end }: SegmentItem, offset: number): boolean {
  return base <= offset && offset < end;
}

/** Also not by a clock that was set back since. */
function isYoung({ atMs }: Found, nowMs: number): boolean {
  return atMs <= nowMs && nowMs - atMs < storageLimits.segmentItemAgeMsMax;
}
