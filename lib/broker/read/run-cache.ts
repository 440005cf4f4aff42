/**
 * Recent record bytes in memory, by commit, with offsets in place.
 *
 * Stored batches carry relative offsets. What enters the cache is patched once with the offsets that its commit got,
 * which never change, and is shared by all readers from then on.
 *
 * Bytes from the store must be whole batches that hold as many records as the run has. Their checksums are checked
 * once, when someone here is about to decode them. Batches that are only passed on are not: each carries its CRC, and
 * whoever decodes it checks it, as Kafka's consumers do with what brokers send unread. It would cost more than all the
 * rest of passing them on.
 */

import { releaseBytes, releaseWithParts, toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import type { LocatedRun } from '../../log/ledger/locate.ts';
import { batchHeaders, checkBatchChecksum } from '../../log/record-batch/header.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ByteRange, ObjectStore } from '../../storage/objects/port.ts';
import type { ReadOrder } from '../../storage/objects/replicated.ts';
import type { TieredObjectStore } from '../../storage/objects/tiered.ts';
import { OWN_BUCKET } from '../ledger/replicated.ts';
import { Lent, type Loan } from './loan.ts';
import { placeBatches, rangeOf } from './run-bytes.ts';
import type { Neighbour } from './side-by-side.ts';

/** What keeping an entry and a chunk costs beside the bytes, measured on Node 24; most of a small run's cost. */
const ENTRY_COST_BYTES = 256;
const CHUNK_COST_BYTES = 400;

/** Batches of a run as they were read. */
class Read extends Lent {
  readonly chunks: readonly Uint8Array[];
  /** Whether the chunks carry their offsets already; bytes cached on behalf of another partition do not yet. */
  patched = false;
  /** Whether the batches are known to match their checksums. */
  checked: boolean;

  constructor(chunks: readonly Uint8Array[], checked: boolean) {
    super();
    this.chunks = chunks;
    this.checked = checked;
  }

  protected override release(): void {
    for (const chunk of this.chunks) releaseBytes(chunk);
  }
}

class Entry extends Read {
  readonly memory: Memory;

  constructor(chunks: readonly Uint8Array[], checked: boolean, memory: Memory) {
    super(chunks, checked);
    this.memory = memory;
  }
}

/** What entries lie in that were read together: it is there as long as one of them is. */
interface Memory {
  bytes: number;
  entries: number;
}

/** What the caller does with the batches: look into them, or hand them on as they are. */
export type BatchUse = 'decode' | 'pass-on';

export interface RunUse {
  use?: BatchUse;
  /** Which replicas to ask; absent for a ledger that has only one. */
  order?: ReadOrder;
  /** Who reads history of the same ledger beside the caller. */
  beside?: readonly Neighbour[] | undefined;
  /** Absent: what is read may be looked at for ever. */
  loan?: Loan | undefined;
}

interface Load {
  slots: readonly number[];
  among: 'tail' | 'history';
  order: ReadOrder | undefined;
}

interface Found {
  name: string;
  bytes: Uint8Array;
}

export class RunCache {
  private readonly objects: TieredObjectStore;
  /** As ledgers with a single replica read. */
  private readonly own: Pick<ObjectStore, 'getRange'>;
  private readonly bytesMax: number;
  /** Least recently used first. */
  private readonly entries = new Map<string, Entry>();
  /** What is being read, by run. */
  private readonly reads = new Map<string, Promise<boolean>>();
  private bytes = 0;

  constructor({ objects, bytesMax }: { objects: TieredObjectStore; bytesMax: number }) {
    this.objects = objects;
    this.own = objects.reading({ first: OWN_BUCKET });
    this.bytesMax = bytesMax;
  }

  /**
   * Keeps the bytes of a commit that this process made, and so has checked. They are patched in place and must not be
   * used otherwise.
   */
  keep(commit: Commit, slot: number, chunks: Uint8Array[]): void {
    this.insert([{ name: runName(commit, slot), chunks }], { checked: true });
  }

  /**
   * The run's batches, offsets in place, as chunks of whole batches; not to be changed. `undefined`: no replica has
   * them, which is not remembered.
   *
   * A run of the tail is read together with the commit's other runs of its ledger, in one request: its neighbours are
   * about to be asked for too. A run of history is read with those whose readers are coming along, or alone.
   */
  async read(
    run: LocatedRun,
    among: 'tail' | 'history',
    { use = 'decode', order, beside = [], loan }: RunUse = {},
  ): Promise<readonly Uint8Array[] | undefined> {
    const name = runName(run.commit, run.slot);
    let entry: Read | undefined = this.touch(name);
    if (entry === undefined) {
      const slots = among === 'tail' ? run.commit.runs.map(({ slot }) => slot) : withNeighbours(run, beside);
      if (!(await this.load(run, { slots, among, order }))) return undefined;
      entry = this.touch(name);
    }
    if (entry === undefined) {
      // A cache too small for the run keeps nothing, nor what is not all there: then the bytes are read for this caller
      // alone.
      const range = rangeOf(run.commit, [run.slot]);
      const bytes = await this.fetch(run.commit, range, order);
      if (bytes === undefined) return undefined;
      if (bytes.length !== range.end - range.start) throw cutShort();
      entry = new Read([bytes], false);
    }
    try {
      prepare(entry, run, use);
    } catch (error) {
      this.remove(name);
      throw unusable(error);
    }
    entry.lend(loan);
    return entry.chunks;
  }

  /** Whoever asks for any of these runs meanwhile gets the same answer, though they might have asked others first. */
  private load(run: LocatedRun, { slots, ...how }: Load): Promise<boolean> {
    const { commit } = run;
    const under = this.reads.get(runName(commit, run.slot));
    if (under !== undefined) return under;
    const missing = slots.filter((slot) => {
      const name = runName(commit, slot);
      return !this.entries.has(name) && !this.reads.has(name);
    });
    const read = this.loadRange(commit, { slots: missing, ...how }).finally(() => {
      for (const slot of missing) this.reads.delete(runName(commit, slot));
    });
    for (const slot of missing) this.reads.set(runName(commit, slot), read);
    return read;
  }

  /** Whether the object was there. Runs that end behind its end are not kept. */
  private async loadRange(commit: Commit, { slots, among, order }: Load): Promise<boolean> {
    const range = rangeOf(commit, slots);
    const bytes = await this.fetch(commit, range, order);
    if (bytes === undefined) return false;
    const found = slots.flatMap((slot) => {
      const { start, end } = rangeOf(commit, [slot]);
      const name = runName(commit, slot);
      // Another reader may have brought and patched this run meanwhile.
      if (end - range.start > bytes.length || this.entries.has(name)) return [];
      return { name, bytes: bytes.subarray(start - range.start, end - range.start) };
    });
    if (among === 'tail' && slots.length > 1) this.insertApart(found);
    else this.insertTogether(found, bytes);
    return true;
  }

  /** Each in memory of its own: for those whose neighbours may never be asked for, nor go when they go. */
  private insertApart(found: readonly Found[]): void {
    for (const { name, bytes } of found) this.insert([{ name, chunks: [new Uint8Array(bytes)] }], { checked: false });
  }

  private insertTogether(found: readonly Found[], all: Uint8Array): void {
    const isAll = all.byteLength === all.buffer.byteLength;
    if (isAll && found.length > 1) releaseWithParts(found.map(({ bytes }) => bytes));
    const runs = found.map(({ name, bytes }) => ({ name, chunks: [bytes] }));
    this.insert(runs, { checked: false, bytes: all.length });
  }

  /** Fewer bytes where the object ends before. */
  private fetch(commit: Commit, range: ByteRange, order: ReadOrder | undefined): Promise<Uint8Array | undefined> {
    const objects = order === undefined ? this.own : this.objects.reading(order);
    return objects.getRange(objectName(commit.tier, commit.object), range);
  }

  private touch(name: string): Entry | undefined {
    const entry = this.entries.get(name);
    if (entry !== undefined) {
      this.entries.delete(name);
      this.entries.set(name, entry);
    }
    return entry;
  }

  /** `bytes`: of the memory that all of the runs lie in; absent where it is their own. */
  private insert(
    runs: readonly { name: string; chunks: Uint8Array[] }[],
    { checked, bytes = 0 }: { checked: boolean; bytes?: number },
  ): void {
    const memory = { bytes, entries: runs.length };
    for (const { chunks } of runs) {
      memory.bytes += ENTRY_COST_BYTES + chunks.length * CHUNK_COST_BYTES;
      if (bytes === 0) memory.bytes += chunks.reduce((sum, { length }) => sum + length, 0);
    }
    if (memory.bytes > this.bytesMax || runs.length === 0) return;
    for (const { name, chunks } of runs) {
      this.remove(name);
      this.entries.set(name, new Entry(chunks, checked, memory));
    }
    this.bytes += memory.bytes;
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= this.bytesMax) return;
      this.remove(oldest);
    }
  }

  private remove(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    const { memory } = entry;
    this.entries.delete(name);
    memory.entries -= 1;
    if (memory.entries === 0) this.bytes -= memory.bytes;
    entry.letGo();
  }
}

function runName(commit: Commit, slot: number): string {
  return `${toHex(idOf(commit))}/${slot}`;
}

/**
 * The run's slot, and those of readers that will want their runs of this commit too, as far as the range stays small.
 */
function withNeighbours({ commit, slot }: LocatedRun, beside: readonly Neighbour[]): readonly number[] {
  if (beside.length === 0) return [slot];
  const slots = commit.runs.flatMap((run) => (run.slot === slot || isWanted(commit, run.slot, beside) ? run.slot : []));
  const { start, end } = rangeOf(commit, slots);
  return end - start <= storageLimits.neighboursBytesMax ? slots : [slot];
}

function isWanted({ object }: Commit, slot: number, beside: readonly Neighbour[]): boolean {
  return beside.some((neighbour) => neighbour.slot === slot && neighbour.bornMs < object.birthMs);
}

function cutShort(): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', 'Some of the stored bytes of these offsets are missing; try again.');
}

/** Makes the entry fit for its use: checked where it is to be decoded, with its offsets in place. */
function prepare(entry: Read, run: LocatedRun, use: BatchUse): void {
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
