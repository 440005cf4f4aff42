/**
 * Small objects as items of the metadata table, written several times faster than an S3 object and, while they are
 * small, cheaper. Their names are `inline/<hour>/<id>`; see `inline-item.ts` for the item.
 *
 * A read is eventually consistent first, at half the price, and strongly consistent where that found nothing: an object
 * never changes, so that what is found is right.
 */
import { bytesEqual, concatBytes } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { ObjectId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { Random } from '../../kernel/random.ts';
import type { MetadataStore, QueryPage, WriteResult } from '../metadata/port.ts';
import { retryPauseMs } from '../retry.ts';
import {
  decodeInline,
  encodeInline,
  INLINE_PREFIX,
  INLINE_SHARDS,
  inlineKey,
  inlinePartition,
  parseInlineName,
} from './inline-item.ts';
import { checkRange } from './name.ts';
import type { ArchiveOutcome, ByteRange, ListPage, ObjectName, ObjectStore, PresignedUrl, Upload } from './port.ts';
import { gatheredUpload } from './upload.ts';

export interface InlineObjectStoreOptions {
  metadata: MetadataStore;
  /** For the pauses between attempts of a put whose outcome was unknown. */
  clock: Clock;
  /** Spreads these pauses; without it each is as long as it may be. */
  random?: Pick<Random, 'fraction'>;
}

const LONGEST = { fraction: () => 1 };

/** `presign` is refused: an item has no URL, so that its bytes are handed out themselves. */
export function createInlineObjectStore(options: InlineObjectStoreOptions): ObjectStore {
  return new InlineObjectStore(options);
}

class InlineObjectStore implements ObjectStore {
  private readonly metadata: MetadataStore;
  private readonly clock: Clock;
  private readonly random: Pick<Random, 'fraction'>;

  constructor({ metadata, clock, random = LONGEST }: InlineObjectStoreOptions) {
    this.metadata = metadata;
    this.clock = clock;
    this.random = random;
  }

  async put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void> {
    const key = inlineKey(idOf(name));
    const bytes = concatBytes(chunks);
    const conditions: Write['conditions'] = [{ clause: 'item-absent' }];
    const result = await this.repeated({ kind: 'put', key, attributes: encodeInline(bytes), conditions });
    if (result.outcome === 'applied') return;
    const stored = result.item === undefined ? undefined : decodeInline(result.item);
    if (stored !== undefined && bytesEqual(stored, bytes)) return;
    throw new MillraceError('UNKNOWN_SERVER_ERROR', `The object ${name} is there with other bytes.`);
  }

  /** For the sake of the port: what is inline is small enough to be put. */
  upload(name: ObjectName): Upload {
    idOf(name);
    return gatheredUpload((chunks) => this.put(name, chunks), storageLimits.itemBytesMax);
  }

  async getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined> {
    if (range !== undefined) checkRange(range);
    return (await this.read(name))?.subarray(range?.start, range?.end);
  }

  async getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    const object = await this.read(name);
    if (object === undefined) return undefined;
    return { bytes: object.subarray(Math.max(0, object.length - length)), objectBytes: object.length };
  }

  async delete(names: readonly ObjectName[]): Promise<void> {
    const keys = names.map((name) => inlineKey(idOf(name)));
    for (let start = 0; start < keys.length; start += storageLimits.storageFanOutMax) {
      const batch = keys.slice(start, start + storageLimits.storageFanOutMax);
      await Promise.all(batch.map((key) => this.repeated({ kind: 'delete', key })));
    }
  }

  async archive(name: ObjectName): Promise<ArchiveOutcome> {
    idOf(name);
    return 'unsupported';
  }

  /**
   * The prefix names an hour, `inline/<hour>/`, and may go on with the first digits of an id: what is not bounded in
   * time can't be found by key. Reads the items whole, so that listing costs as much as reading.
   */
  async list(prefix: string, cursor?: string): Promise<ListPage> {
    const { hour, idPrefix } = parsePrefix(prefix);
    const page: ListPage = { objects: [] };
    let { shard, from } = parseCursor(cursor, idPrefix);
    // Where a shard fits one page, the next ones are read together.
    for (let width = 1; shard < INLINE_SHARDS; width *= 2) {
      const queries: Promise<QueryPage>[] = [];
      for (let index = shard; index < Math.min(shard + width, INLINE_SHARDS); index++) {
        queries.push(this.shardPage(hour, index, index === shard ? from : idPrefix, idPrefix));
      }
      for (const { items, next } of await Promise.all(queries)) {
        for (const { key, attributes } of items) {
          const name = `${INLINE_PREFIX}${hour}/${key.sk}`;
          page.objects.push({ name, bytes: decodeInline(attributes)?.length ?? 0 });
        }
        if (next !== undefined) return { ...page, next: `${shard}.${next}` };
        shard++;
      }
      if (page.objects.length >= requestLimits.listPageMax && shard < INLINE_SHARDS)
        return { ...page, next: `${shard}.` };
      from = idPrefix;
    }
    return page;
  }

  async presign(name: ObjectName): Promise<PresignedUrl> {
    throw new MillraceError(
      'UNKNOWN_SERVER_ERROR',
      `The inline object ${name} has no URL; its bytes are given instead.`,
    );
  }

  private shardPage(hour: number, shard: number, from: string, idPrefix: string): Promise<QueryPage> {
    return this.metadata.query({
      pk: inlinePartition(hour, shard),
      from,
      // Ids are hex digits, all of which sort before `g`.
      to: `${idPrefix}g`,
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
  }

  private async read(name: ObjectName): Promise<Uint8Array | undefined> {
    const key = inlineKey(idOf(name));
    const attributes = (await this.metadata.get(key, 'eventual')) ?? (await this.metadata.get(key, 'strong'));
    if (attributes === undefined) return undefined;
    const bytes = decodeInline(attributes);
    if (bytes !== undefined) return bytes;
    throw new MillraceError('KAFKA_STORAGE_ERROR', `The item of the object ${name} is damaged.`);
  }

  /** A put or delete whose outcome was unknown is made again: both are the same however often they are done. */
  private async repeated(write: Write): Promise<WriteResult> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.metadata.write([write]);
      } catch (error) {
        const unknown = error instanceof MillraceError && error.effect === 'unknown';
        if (!unknown || attempt >= storageLimits.unknownOutcomeAttemptsMax) throw error;
      }
      await this.clock.sleep(retryPauseMs(attempt, this.random));
    }
  }
}

function idOf(name: ObjectName): ObjectId {
  const id = parseInlineName(name);
  if (id !== undefined) return id;
  throw new MillraceError(
    'INVALID_REQUEST',
    `${JSON.stringify(name.slice(0, 100))} is not the name of an inline object.`,
  );
}

function parsePrefix(prefix: string): { hour: number; idPrefix: string } {
  const [, hour, idPrefix = ''] = /^inline\/(0|[1-9]\d{0,9})\/([0-9a-f]{0,28})$/.exec(prefix) ?? [];
  if (hour !== undefined) return { hour: Number(hour), idPrefix };
  throw new MillraceError(
    'INVALID_REQUEST',
    `Inline objects are listed by the hour, inline/<hour>/, not by ${prefix}.`,
  );
}

/** `<shard>.<sort key to go on from>`. */
function parseCursor(cursor: string | undefined, idPrefix: string): { shard: number; from: string } {
  if (cursor === undefined) return { shard: 0, from: idPrefix };
  const dot = cursor.indexOf('.');
  return { shard: Number(cursor.slice(0, dot)), from: cursor.slice(dot + 1) || idPrefix };
}
