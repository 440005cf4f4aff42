/**
 * Reads merged segments: finds the one that covers an offset, its index, and the bytes of extents of it.
 *
 * An extent is neighbouring blocks of about 4 MiB, always the same ones: the least that is asked for at once, whoever
 * reads, so that a gigabyte costs few requests, and readers of one partition share what was brought.
 */
import { releaseBytes } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { crc32cCombine } from '../../kernel/crc32c.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { objectIdText } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { decodeSegmentFooter } from '../../log/merged/segment-footer.ts';
import { blocksBetween, checkBlock, type SegmentBlock } from '../../log/merged/segment-index.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import type { ObjectName } from '../../storage/objects/port.ts';
import type { ReadOrder } from '../../storage/objects/replicated.ts';
import type { TieredObjectStore } from '../../storage/objects/tiered.ts';
import { OWN_BUCKET } from '../ledger/replicated.ts';
import { Lent, type Loan } from './loan.ts';
import { SegmentDirectory, type SegmentPlace, type SoughtTime, segmentMissing } from './segment-directory.ts';

export type { SegmentPlace };

/** Neighbouring blocks of one segment. The first and last one's offsets reach to those of the extents beside it. */
export interface Extent {
  name: ObjectName;
  blocks: readonly SegmentBlock[];
  /** In the object: from `position`, `bytes` of them; none where nothing is left of the segment's records. */
  position: number;
  bytes: number;
  /** The first offset that it covers. */
  baseOffset: number;
  /** One past the last offset that it covers. */
  endOffset: number;
  /** The newest timestamp in it and before it in its segment; absent where no record has one. */
  newestMs?: number;
}

export interface ExtentUse {
  isChecked: boolean;
  order?: ReadOrder;
  loan?: Loan | undefined;
}

class Content extends Lent {
  readonly bytes: Promise<Uint8Array | undefined>;

  constructor(bytes: Promise<Uint8Array | undefined>) {
    super();
    this.bytes = bytes;
  }

  protected override release(): void {
    this.bytes.then(
      (bytes) => bytes && releaseBytes(bytes),
      () => {},
    );
  }
}

export class SegmentReader {
  private readonly directory: SegmentDirectory;
  private readonly objects: TieredObjectStore;
  /** By object. */
  private readonly indexes = new LruMap<string, readonly Extent[]>(storageLimits.segmentIndexCacheEntries);
  private readonly contents = new LruMap<string, Content>(storageLimits.segmentExtentCacheEntries, {
    dropped: (content) => content.letGo(),
  });

  constructor({ metadata, objects, clock }: { metadata: MetadataStore; objects: TieredObjectStore; clock: Clock }) {
    this.directory = new SegmentDirectory({ metadata, clock });
    this.objects = objects;
  }

  /**
   * Of an offset between log start and where merging has come; that there is none is a fault that a newer view may
   * heal.
   */
  async covering(place: SegmentPlace, offset: number): Promise<SegmentItem> {
    const segment = await this.directory.covering(place, offset);
    if (segment !== undefined) return segment;
    throw segmentMissing(place.partition, offset);
  }

  /** The first one with a record of this time or a later one, from the log start on; there are segments up to `to`. */
  since(place: SegmentPlace, sought: SoughtTime): Promise<SegmentItem | undefined> {
    return this.directory.since(place, sought);
  }

  /** Something that a segment refers to was not there: it may have been replaced long ago. */
  forget(place: SegmentPlace): void {
    this.directory.forget(place);
  }

  /** All of the segment, in the order of its offsets, one at least. */
  async extents(segment: SegmentItem, order: ReadOrder | undefined): Promise<readonly Extent[]> {
    const id = objectIdText(segment.object);
    const known = this.indexes.get(id);
    if (known !== undefined) return known;
    const name = objectName('merged', segment.object);
    const range = { start: segment.bytes, end: segment.bytes + segment.footerBytes };
    const footer = await this.store(order).getRange(name, range);
    if (footer === undefined) throw missing(name, segment.base, segment.end);
    const extents = extentsOf(name, segment, readable(() => decodeSegmentFooter(footer)).blocks);
    this.indexes.set(id, extents);
    return extents;
  }

  /**
   * The extent's batches, offsets in place; not to be changed. `isChecked`: they match their checksums. Whoever hands
   * them on need not have that: each batch carries its own. Without a `loan` they may be looked at for ever.
   */
  async read(extent: Extent, { isChecked, order, loan }: ExtentUse): Promise<Uint8Array> {
    if (extent.bytes === 0) return new Uint8Array();
    const content = this.contentOf(extent, order);
    content.lend(loan);
    const bytes = await content.bytes;
    if (bytes === undefined) throw missing(extent.name, extent.baseOffset, extent.endOffset);
    if (isChecked) {
      readable(() => {
        for (const block of extent.blocks) checkBlock(blockIn(bytes, extent, block), block, extent.name);
      });
    }
    return bytes;
  }

  /** One request, however many ask at a time. Neither a failure nor a miss is kept. */
  private contentOf(extent: Extent, order: ReadOrder | undefined): Content {
    const key = `${extent.name}@${extent.position}`;
    const under = this.contents.get(key);
    if (under !== undefined) return under;
    const range = { start: extent.position, end: extent.position + extent.bytes };
    const content = new Content(this.store(order).getRange(extent.name, range));
    this.contents.set(key, content);
    const forget = () => {
      if (this.contents.get(key) === content) this.contents.delete(key);
    };
    content.bytes.then((bytes) => bytes ?? forget(), forget);
    return content;
  }

  private store(order: ReadOrder | undefined) {
    return this.objects.reading(order ?? { first: OWN_BUCKET });
  }
}

function extentsOf(name: ObjectName, { base, end }: SegmentItem, blocks: readonly SegmentBlock[]): Extent[] {
  const extents: Extent[] = [];
  for (let from = base; from < end; ) {
    const own = blocksBetween(blocks, { from, bytesMax: storageLimits.segmentExtentBytes });
    const last = own.at(-1);
    const endOffset = last === undefined || last === blocks.at(-1) ? end : last.end;
    extents.push({
      name,
      blocks: own,
      position: own[0]?.position ?? 0,
      bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
      baseOffset: from,
      endOffset,
      ...(last !== undefined && last.newestMs >= 0 && { newestMs: last.newestMs }),
    });
    from = endOffset;
  }
  return extents;
}

/** Of the bytes of all blocks, one after the other. */
export function checksumOf({ blocks }: Extent): number {
  return blocks.reduce((sum, { crc32c, bytes }) => crc32cCombine(sum, crc32c, bytes), 0);
}

function blockIn(bytes: Uint8Array, extent: Extent, block: SegmentBlock): Uint8Array {
  const start = block.position - extent.position;
  return bytes.subarray(start, start + block.bytes);
}

function missing(name: ObjectName, base: number, end: number): MillraceError {
  return new MillraceError(
    'KAFKA_STORAGE_ERROR',
    `The stored bytes of the offsets ${base} to ${end - 1} are not found (${name}); try again.`,
  );
}

/** What was written checked and cannot be understood now is a fault of storage, not of the request. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError('KAFKA_STORAGE_ERROR', `Some stored bytes are damaged; try again. ${error.message}`, {
      cause: error,
    });
  }
}
