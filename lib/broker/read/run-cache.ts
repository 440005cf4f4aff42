/**
 * Recent record bytes in memory, by commit, with offsets in place.
 *
 * Stored batches carry relative offsets. What enters the cache is patched once with the offsets that its commit got,
 * which never change, and is shared by all readers from then on.
 *
 * Bytes from the store must be whole batches that hold as many records as the run has. Their checksums are checked once,
 * when someone here is about to decode them. Batches that are only passed on are not: each carries its CRC, and whoever
 * decodes it checks it, as Kafka's consumers do with what brokers send unread. It would cost more than all the rest of
 * passing them on.
 */

import { releaseBytes, toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import type { LocatedRun } from '../../log/ledger/locate.ts';
import { batchHeaders, checkBatchChecksum } from '../../log/record-batch/header.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ByteRange, ObjectStore } from '../../storage/objects/port.ts';
import type { ReadOrder } from '../../storage/objects/replicated.ts';
import type { TieredObjectStore } from '../../storage/objects/tiered.ts';
import { OWN_BUCKET } from '../ledger/replicated.ts';
import { placeBatches, rangeOf } from './run-bytes.ts';

/** What keeping an entry and a chunk costs beside the bytes, measured on Node 24; most of a small run's cost. */
const ENTRY_COST_BYTES = 256;
const CHUNK_COST_BYTES = 400;

interface Entry {
  chunks: Uint8Array[];
  /** Of memory. */
  bytes: number;
  /** Whether the chunks carry their offsets already; bytes cached on behalf of another partition do not yet. */
  patched: boolean;
  /** Whether the batches are known to match their checksums. */
  checked: boolean;
  /** Whether someone outside of the cache may hold the chunks. */
  handedOut: boolean;
}

/** What the caller does with the batches: look into them, or hand them on as they are. */
export type BatchUse = 'decode' | 'pass-on';

export interface RunUse {
  use?: BatchUse;
  /** Which replicas to ask; absent for a ledger that has only one. */
  order?: ReadOrder;
}

export class RunCache {
  private readonly objects: TieredObjectStore;
  /** As ledgers with a single replica read. */
  private readonly own: Pick<ObjectStore, 'getRange'>;
  private readonly bytesMax: number;
  /** Least recently used first. */
  private readonly entries = new Map<string, Entry>();
  private readonly reads = new Map<string, Promise<boolean>>();
  private bytes = 0;

  constructor({ objects, bytesMax }: { objects: TieredObjectStore; bytesMax: number }) {
    this.objects = objects;
    this.own = objects.reading({ first: OWN_BUCKET });
    this.bytesMax = bytesMax;
  }

  /**
   * Keeps the bytes of a commit that this process made, and so has checked. They are patched in place and must not be used
   * otherwise.
   */
  keep(commit: Commit, slot: number, chunks: Uint8Array[]): void {
    this.insert(runName(commit, slot), { chunks, checked: true });
  }

  /**
   * The run's batches, offsets in place, as chunks of whole batches; not to be changed. `undefined`: no replica has them,
   * which is not remembered.
   *
   * A run of the tail is read together with the commit's other runs of its ledger, in one request: its neighbours are
   * about to be asked for too. A run of history is read alone.
   */
  async read(
    run: LocatedRun,
    among: 'tail' | 'history',
    { use = 'decode', order }: RunUse = {},
  ): Promise<readonly Uint8Array[] | undefined> {
    const name = runName(run.commit, run.slot);
    let entry = this.touch(name);
    if (entry === undefined) {
      const slots = among === 'tail' ? run.commit.runs.map(({ slot }) => slot) : [run.slot];
      if (!(await this.load(run, slots, order))) return undefined;
      entry = this.touch(name);
    }
    if (entry === undefined) {
      // A cache too small for the run keeps nothing: then the bytes are read for this caller alone.
      const bytes = await this.fetch(run.commit, rangeOf(run.commit, [run.slot]), order);
      if (bytes === undefined) return undefined;
      entry = { chunks: [bytes], bytes: run.bytes, patched: false, checked: false, handedOut: true };
    }
    try {
      prepare(entry, run, use);
    } catch (error) {
      this.remove(name);
      throw unusable(error);
    }
    entry.handedOut = true;
    return entry.chunks;
  }

  /** Whoever asks for the same meanwhile gets the same answer, though they might have asked others first. */
  private load(run: LocatedRun, slots: readonly number[], order: ReadOrder | undefined): Promise<boolean> {
    const range = rangeOf(run.commit, slots);
    const key = `${toHex(idOf(run.commit))}@${range.start}-${range.end}`;
    const under = this.reads.get(key);
    if (under !== undefined) return under;
    const read = this.loadRange(run.commit, { slots, range, order }).finally(() => this.reads.delete(key));
    this.reads.set(key, read);
    return read;
  }

  /** Whether it was there. */
  private async loadRange(
    commit: Commit,
    { slots, range, order }: { slots: readonly number[]; range: ByteRange; order: ReadOrder | undefined },
  ): Promise<boolean> {
    const bytes = await this.fetch(commit, range, order);
    if (bytes === undefined) return false;
    for (const slot of slots) {
      const { start, end } = rangeOf(commit, [slot]);
      // Another reader may have brought and patched this run meanwhile.
      if (this.entries.has(runName(commit, slot))) continue;
      const own = bytes.subarray(start - range.start, end - range.start);
      // A copy where there are neighbours: one run that stays would keep the bytes of all of them in memory.
      const chunks = [own.length === bytes.length ? own : new Uint8Array(own)];
      this.insert(runName(commit, slot), { chunks, checked: false });
    }
    return true;
  }

  private async fetch(commit: Commit, range: ByteRange, order: ReadOrder | undefined): Promise<Uint8Array | undefined> {
    const objects = order === undefined ? this.own : this.objects.reading(order);
    const bytes = await objects.getRange(objectName(commit.tier, commit.object), range);
    if (bytes !== undefined && bytes.length !== range.end - range.start) {
      throw new MillraceError(
        'KAFKA_STORAGE_ERROR',
        'Some of the stored bytes of these offsets are missing; try again.',
      );
    }
    return bytes;
  }

  private touch(name: string): Entry | undefined {
    const entry = this.entries.get(name);
    if (entry !== undefined) {
      this.entries.delete(name);
      this.entries.set(name, entry);
    }
    return entry;
  }

  private insert(name: string, { chunks, checked }: Pick<Entry, 'chunks' | 'checked'>): void {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length + CHUNK_COST_BYTES, ENTRY_COST_BYTES);
    if (bytes > this.bytesMax) return;
    this.remove(name);
    this.entries.set(name, { chunks, bytes, patched: false, checked, handedOut: false });
    this.bytes += bytes;
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= this.bytesMax) return;
      this.remove(oldest);
    }
  }

  private remove(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    this.entries.delete(name);
    this.bytes -= entry.bytes;
    if (!entry.handedOut) for (const chunk of entry.chunks) releaseBytes(chunk);
  }
}

function runName(commit: Commit, slot: number): string {
  return `${toHex(idOf(commit))}/${slot}`;
}

/** Makes the entry fit for its use: checked where it is to be decoded, with its offsets in place. */
function prepare(entry: Entry, run: LocatedRun, use: BatchUse): void {
  if (use === 'decode' && !entry.checked) {
    for (const chunk of entry.chunks)
      for (const { position } of batchHeaders(chunk)) checkBatchChecksum(chunk, position);
    entry.checked = true;
  }
  if (entry.patched) return;
  placeBatches(entry.chunks, run);
  entry.patched = true;
}

/** Batches that were refused when they were produced cannot be in the log: what is read is not what was stored. */
function unusable(error: unknown): unknown {
  if (!(error instanceof MillraceError)) return error;
  const detail = `The stored bytes of these offsets are damaged; try again. ${error.message}`;
  return new MillraceError('KAFKA_STORAGE_ERROR', detail, { cause: error });
}
