/** Objects in the process's memory, for `:memory:`, tests and simulations. Nothing survives the process. */
import { concatBytes } from '../../kernel/bytes.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { type LocalPresigner, signWith } from './local-presign.ts';
import { checkObjectName, checkRange } from './name.ts';
import type { ArchiveOutcome, ByteRange, ListPage, ObjectName, ObjectStore, PresignedUrl, Upload } from './port.ts';
import { gatheredUpload } from './upload.ts';

export interface MemoryObjectStoreOptions {
  presigner?: LocalPresigner;
}

export function createMemoryObjectStore(options: MemoryObjectStoreOptions = {}): ObjectStore {
  return new MemoryObjectStore(options.presigner);
}

class MemoryObjectStore implements ObjectStore {
  private readonly objects = new Map<ObjectName, Uint8Array>();
  private readonly presigner: LocalPresigner | undefined;

  constructor(presigner: LocalPresigner | undefined) {
    this.presigner = presigner;
  }

  async put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void> {
    checkObjectName(name);
    this.objects.set(name, concatBytes(chunks));
  }

  upload(name: ObjectName): Upload {
    checkObjectName(name);
    return gatheredUpload((chunks) => this.put(name, chunks));
  }

  async getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined> {
    checkObjectName(name);
    if (range !== undefined) checkRange(range);
    // A copy, so that a reader who writes into its bytes does not change the object.
    return this.objects.get(name)?.slice(range?.start, range?.end);
  }

  async getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    checkObjectName(name);
    const object = this.objects.get(name);
    if (object === undefined) return undefined;
    return { bytes: object.slice(Math.max(0, object.length - length)), objectBytes: object.length };
  }

  async delete(names: readonly ObjectName[]): Promise<void> {
    for (const name of names) checkObjectName(name);
    for (const name of names) this.objects.delete(name);
  }

  async archive(name: ObjectName): Promise<ArchiveOutcome> {
    checkObjectName(name);
    return this.objects.has(name) ? 'archived' : 'missing';
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    const names = [...this.objects.keys()]
      .filter((name) => name.startsWith(prefix) && (cursor === undefined || name > cursor))
      .sort();
    const page = names.slice(0, requestLimits.listPageMax);
    const objects = page.map((name) => ({ name, bytes: this.objects.get(name)?.length ?? 0 }));
    return names.length > page.length ? { objects, next: page.at(-1) } : { objects };
  }

  async presign(name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl> {
    return signWith(this.presigner, name, range, expiresInMs);
  }
}
