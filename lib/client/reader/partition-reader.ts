/**
 * Reads one partition from a position on, without a group: the reader knows where it is, and nobody else does.
 *
 *     const reader = client.reader('orders', 0, { offset: 'earliest', as: 'json', follow: false });
 *     for await (const { key, value } of reader.records()) console.log(key, value);
 *
 * History comes from the bucket (direct/direct-path.ts), what is near the end in ordinary fetches; offsets and order are the
 * same. The first fetch is an ordinary one, which says how far the end is.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { DirectPath } from '../direct/direct-path.ts';
import type { DirectSource } from '../direct/direct-source.ts';
import { recordsWithin } from '../direct/planned-batches.ts';
import { Retreat } from '../direct/retreat.ts';
import type { Piece } from '../direct/turn.ts';
import { type Fetched, type FetchPosition, fetchBatches, fetchRecords, listOffset } from '../fetch.ts';
import { orAborted } from '../producer/deadlines.ts';
import { type ClientRecord, type ContentForm, recordFromLog } from '../records.ts';
import type { Transport } from '../transport.ts';
import { type ReaderOptions, type ReaderSettings, readerSettings } from './options.ts';

export interface PartitionReader<Form extends ContentForm> {
  /**
   * The records, in their order. Throws as `client.fetch` does, where trying again did not help; the next call goes on
   * after the last record that was handed out. One iteration at a time; who leaves it early can go on with another.
   */
  records(): AsyncGenerator<ClientRecord<Form>, void, undefined>;
  /** The same as the stored bytes, in the pieces in which they come. See `decodeBatches`. */
  batches(): AsyncGenerator<ReadBatches, void, undefined>;
  /** Of the next record to read; `undefined` before the first answer. */
  readonly nextOffset: number | undefined;
}

export interface ReadBatches {
  /** Kafka record batches, one after the other. Records outside of the two offsets are not of this piece. */
  batches: Uint8Array;
  firstOffset: number;
  /** Of the last record that there may be: compaction leaves gaps. */
  lastOffset: number;
}

export interface ReaderWorld {
  /** Says where the reader is. */
  send: Transport;
  source: DirectSource;
}

export function createReader<Form extends ContentForm>(
  world: ReaderWorld,
  topic: string,
  partition: number,
  options: ReaderOptions<Form>,
): PartitionReader<Form> {
  const reader: PartitionReader<ContentForm> = new Reader(world, { topic, partition }, readerSettings(options));
  return reader as PartitionReader<Form>;
}

/** How what is read is asked for and handed out. */
interface Form<Item> {
  fetch: (offset: number) => Promise<Fetched & { items: Iterable<Item> }>;
  ofPiece: (piece: Piece) => Iterable<Item>;
  /** The reader is there when the item has been handed out. */
  offsetAfter: (item: Item) => number;
}

interface Found<Item> {
  items: Iterable<Item>;
  nextOffset: number;
  direct: boolean;
}

class Reader implements PartitionReader<ContentForm> {
  nextOffset: number | undefined;
  private readonly world: ReaderWorld;
  private readonly name: { topic: string; partition: number };
  private readonly settings: ReaderSettings;
  private readonly retreat: Retreat;
  /** Where it ends, of one that does not follow, when that is known. */
  private end = Infinity;
  private path: DirectPath | undefined;
  private iterating = false;

  constructor(world: ReaderWorld, name: { topic: string; partition: number }, settings: ReaderSettings) {
    this.world = world;
    this.name = name;
    this.settings = settings;
    this.retreat = new Retreat(world.source.clock);
  }

  records(): AsyncGenerator<ClientRecord<ContentForm>, void, undefined> {
    const { send, source } = this.world;
    const { as, maxRecords, maxBytes, signal, waitMs } = this.settings;
    const { topic, partition } = this.name;
    return this.iterate<ClientRecord<ContentForm>>({
      fetch: async (offset) => {
        const options = { offset, as, maxRecords, maxBytes, waitMs, signal };
        const { records: items, ...fetched } = await fetchRecords(send, topic, partition, options);
        return { items: items.filter(({ offset: at }) => at < this.end), ...fetched };
      },
      ofPiece: function* ({ batches, ...span }) {
        for (const record of recordsWithin(batches, span, source.compression)) yield recordFromLog(record, as);
      },
      offsetAfter: ({ offset }) => offset + 1,
    });
  }

  batches(): AsyncGenerator<ReadBatches, void, undefined> {
    const { maxBytes, signal, waitMs } = this.settings;
    const { topic, partition } = this.name;
    const pieceOf = (batches: Uint8Array, firstOffset: number, lastOffset: number): ReadBatches[] => {
      return batches.length === 0 ? [] : [{ batches, firstOffset, lastOffset }];
    };
    return this.iterate<ReadBatches>({
      fetch: async (offset) => {
        const options = { offset, maxBytes, waitMs, signal };
        const { batches, ...fetched } = await fetchBatches(this.world.send, topic, partition, options);
        return { items: pieceOf(batches, offset, Math.min(fetched.nextOffset, this.end) - 1), ...fetched };
      },
      ofPiece: ({ batches, first, last }) => pieceOf(batches, first, last),
      offsetAfter: ({ lastOffset }) => lastOffset + 1,
    });
  }

  private async *iterate<Item>(form: Form<Item>): AsyncGenerator<Item, void, undefined> {
    if (this.iterating) throw new TypeError('the partition is being read already');
    this.iterating = true;
    const { follow, signal } = this.settings;
    try {
      [this.nextOffset, this.end] = await Promise.all([
        this.nextOffset ?? this.placeOf(this.settings.position),
        follow || this.end < Infinity ? this.end : this.placeOf({ offset: 'latest' }),
      ]);
      while (this.nextOffset < this.end && this.settings.signal?.aborted !== true) {
        const { items, nextOffset, direct } = await this.find(form, this.nextOffset);
        try {
          for (const item of items) {
            this.nextOffset = form.offsetAfter(item);
            yield item;
          }
          this.nextOffset = Math.min(nextOffset, this.end);
        } catch (error) {
          // No codec for it here, or bytes that are no batches: the server is asked for what comes next.
          if (!direct || !(error instanceof MillraceError)) throw error;
          this.fallBack(error);
        }
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    } finally {
      this.leavePath();
      this.iterating = false;
    }
  }

  private async find<Item>(form: Form<Item>, offset: number): Promise<Found<Item>> {
    const piece = await this.nextPiece();
    if (piece !== undefined) {
      const within = { ...piece, last: Math.min(piece.last, this.end - 1) };
      return { items: form.ofPiece(within), nextOffset: piece.nextOffset, direct: true };
    }
    const { items, nextOffset, highWatermark } = await form.fetch(offset);
    // As much as came lies ahead once more: the plan says how much that is.
    const ahead = Math.min(highWatermark, this.end) - nextOffset;
    if (this.settings.direct === 'auto' && ahead >= nextOffset - offset && this.retreat.isOver) {
      this.enterPath(nextOffset);
    }
    return { items, nextOffset, direct: false };
  }

  private async nextPiece(): Promise<Piece | undefined> {
    if (this.path === undefined) return undefined;
    const { signal = new AbortController().signal } = this.settings;
    const step = await orAborted(this.path.next(), signal);
    if (step?.kind === 'piece') {
      this.retreat.worked();
      return step.piece;
    }
    this.fallBack(step?.kind === 'failed' ? step.error : undefined);
    return undefined;
  }

  private enterPath(offset: number): void {
    const { rangesInFlightMax: inFlightMax, rangesBytesMax: bytesMax } = this.settings;
    const { plans, ranges } = this.world.source;
    this.path = new DirectPath({ plans, ranges, inFlightMax, bytesMax });
    this.path.add(this.name, offset);
  }

  private fallBack(error: unknown): void {
    this.leavePath();
    this.retreat.begin();
    if (error !== undefined) this.settings.onFallback?.(error);
  }

  private leavePath(): void {
    this.path?.stop();
    this.path = undefined;
  }

  private async placeOf({ offset, timestamp }: FetchPosition): Promise<number> {
    if (typeof offset === 'number') return offset;
    const { send } = this.world;
    const { topic, partition } = this.name;
    const at = await listOffset(send, topic, partition, offset ?? (timestamp as number));
    // Nothing is of this time or later: what will be written is.
    return at.offset ?? this.placeOf({ offset: 'latest' });
  }
}
