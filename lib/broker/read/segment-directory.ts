/**
 * Which merged segment covers an offset. What was found is kept by partition: readers of history ask for one offset after
 * the other. A segment that is replaced keeps its object for a grace, so what is kept may be old; whoever misses its object
 * forgets it here and asks again.
 */
import type { TopicId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import {
  decodeSegmentItem,
  partitionKey,
  SEGMENTS_START,
  type SegmentItem,
  segmentSortKey,
} from '../../log/merged/segment-item.ts';
import type { Consistency, MetadataStore } from '../../storage/metadata/port.ts';
import { LruMap } from '../lru-map.ts';

export interface SegmentPlace {
  topicId: TopicId;
  partition: number;
}

export class SegmentDirectory {
  private readonly metadata: MetadataStore;
  /** The last ones found, by partition. */
  private readonly found = new LruMap<string, SegmentItem>(limits.segmentItemCacheEntries);

  constructor({ metadata }: { metadata: MetadataStore }) {
    this.metadata = metadata;
  }

  /** `undefined`: none does, as a strong read shows. */
  async covering(place: SegmentPlace, offset: number): Promise<SegmentItem | undefined> {
    const pk = partitionKey(place.topicId, place.partition);
    const known = this.found.get(pk);
    if (known !== undefined && covers(known, offset)) return known;
    const segment = (await this.look(pk, offset, 'eventual')) ?? (await this.look(pk, offset, 'strong'));
    if (segment !== undefined) this.found.set(pk, segment);
    return segment;
  }

  /** What is known of the partition is wrong, or may be. */
  forget({ topicId, partition }: SegmentPlace): void {
    this.found.delete(partitionKey(topicId, partition));
  }

  /** The offset from which on its records may have this time or a later one, as segments say; `undefined`: all are older. */
  async since({ topicId, partition }: SegmentPlace, timestampMs: number): Promise<SegmentItem | undefined> {
    const pk = partitionKey(topicId, partition);
    let from: string | undefined = SEGMENTS_START;
    while (from !== undefined) {
      const page = await this.metadata.query({
        pk,
        from,
        limit: limits.segmentItemsPerQuery,
        consistency: 'strong',
      });
      const reached = page.items.map(decodeSegmentItem).find(({ newestMs }) => (newestMs ?? -1) >= timestampMs);
      if (reached !== undefined) return reached;
      from = page.next;
    }
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

function covers({ base, end }: SegmentItem, offset: number): boolean {
  return base <= offset && offset < end;
}
