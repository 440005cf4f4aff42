/**
 * Objects on disk that were read once and are wanted again soon, by whoever reads other parts of them. They are kept in
 * a few files, one behind the other; where there is no room for more, the oldest file goes, with all that is in it.
 */
import { closeSync, fstatSync } from 'node:fs';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { FileDescriptor } from './files.ts';
import type { ByteRange, ObjectName } from './port.ts';
import type { Spool } from './spool.ts';

interface KeptFile {
  file: FileDescriptor;
  bytes: number;
  names: ObjectName[];
  /** It is closed when the last of them has read. */
  readers: number;
  isGivenUp: boolean;
}

interface Place {
  in: KeptFile;
  position: number;
  bytes: number;
}

export class KeptObjects {
  /** What there is room for: the rest of the disk is for others. */
  readonly bytesMax: number;
  private readonly spool: Spool;
  private readonly places = new Map<ObjectName, Place>();
  /** The oldest comes first. */
  private readonly files: KeptFile[] = [];
  private bytes = 0;
  /** One object is written after the other. */
  private last: Promise<void> = Promise.resolve();

  constructor(spool: Spool) {
    this.spool = spool;
    this.bytesMax = Math.floor((spool.bytesMax * storageLimits.keptObjectsPercent) / 100);
  }

  /** The range of the object, with its size; `undefined` where it is not kept. */
  async read(name: ObjectName, range: ByteRange): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    const place = this.places.get(name);
    if (place === undefined) return undefined;
    const [start, end] = [Math.min(range.start, place.bytes), Math.min(range.end, place.bytes)];
    const { in: kept, position, bytes: objectBytes } = place;
    kept.readers++;
    try {
      return { bytes: await this.spool.read(kept.file, position + start, position + end), objectBytes };
    } finally {
      kept.readers--;
      this.closeUnused(kept);
    }
  }

  /** Does nothing where it is kept, or there is no room for it. */
  keep(name: ObjectName, bytes: Uint8Array): Promise<void> {
    const keeping = this.last.then(() => this.append(name, bytes));
    this.last = keeping.catch(() => {}); // its caller hears of it
    return keeping;
  }

  /** Gives everything up. */
  async close(): Promise<void> {
    await this.last;
    while (this.files.length > 0) this.giveUpOldest();
  }

  private async append(name: ObjectName, bytes: Uint8Array): Promise<void> {
    if (this.places.has(name)) return;
    while (this.bytes + bytes.length > this.bytesMax || !this.spool.reserve(bytes.length)) {
      if (!this.giveUpOldest()) return;
    }
    this.bytes += bytes.length;
    let kept = this.files.at(-1);
    let position: number;
    try {
      if (kept === undefined || kept.bytes >= this.bytesMax / storageLimits.keptFilesMax) {
        kept = { file: await this.spool.open(), bytes: 0, names: [], readers: 0, isGivenUp: false };
        this.files.push(kept);
      }
      // What a write that failed has left there counts as well.
      position = fstatSync(kept.file).size;
      await this.spool.write(kept.file, bytes);
    } catch (error) {
      this.forget(bytes.length);
      throw error;
    }
    this.places.set(name, { in: kept, position, bytes: bytes.length });
    kept.bytes += bytes.length;
    kept.names.push(name);
  }

  /** Whether there was one. */
  private giveUpOldest(): boolean {
    const oldest = this.files.shift();
    if (oldest === undefined) return false;
    for (const name of oldest.names) this.places.delete(name);
    this.forget(oldest.bytes);
    oldest.isGivenUp = true;
    this.closeUnused(oldest);
    return true;
  }

  private forget(bytes: number): void {
    this.bytes -= bytes;
    this.spool.free(bytes);
  }

  private closeUnused({ file, readers, isGivenUp }: KeptFile): void {
    if (isGivenUp && readers === 0) closeSync(file);
  }
}
