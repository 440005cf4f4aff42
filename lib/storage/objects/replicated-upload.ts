/**
 * One upload to several replicas at once. Where it fails, it goes on with the others: which of them must have the
 * object is the writer's decision. The slowest sets the pace, and one that does not answer fails when its calls do.
 */
import { maskOf, type ReplicaId, type ReplicaMask } from '../../coordination/replication/replica-state.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Upload } from './port.ts';
import { uploadOf } from './upload.ts';

export interface UploadedTo {
  /** They have the object, whole. */
  held: ReplicaMask;
  /** Why the others don't. */
  failed: ReadonlyMap<ReplicaId, unknown>;
}

export interface ReplicaUpload {
  /** As of one upload, in each replica that has not failed; fails where none is left. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** Tells who holds the object, which may be nobody. */
  finish(): Promise<UploadedTo>;
  abort(): Promise<void>;
  /** The same as one upload, which fails where it fails anywhere. Some replicas may have the object then. */
  toAll(): Upload;
}

export interface JoinedUploadParts {
  /** By replica; a fault where it cannot begin. */
  uploads: ReadonlyMap<ReplicaId, Upload | MillraceError>;
  /** Takes note of what a replica's requests come to. */
  watch?: <T>(replica: ReplicaId, request: () => Promise<T>) => Promise<T>;
}

export class JoinedUpload implements ReplicaUpload {
  private readonly going = new Map<ReplicaId, Upload>();
  private readonly failed = new Map<ReplicaId, unknown>();
  private readonly watch: NonNullable<JoinedUploadParts['watch']>;

  constructor({ uploads, watch = (_, request) => request() }: JoinedUploadParts) {
    this.watch = watch;
    for (const [replica, upload] of uploads) {
      if (upload instanceof MillraceError) this.failed.set(replica, upload);
      else this.going.set(replica, upload);
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    await this.each(async (upload, replica) => {
      try {
        await upload.write(chunks);
      } catch (error) {
        // Noted alone: that a write succeeds may mean no more than that its bytes were copied.
        await this.watch(replica, () => Promise.reject(error));
      }
    });
    if (this.going.size > 0) return;
    const [first] = this.failed.values();
    throw first ?? new MillraceError('KAFKA_STORAGE_ERROR', 'There is no replica to upload to.');
  }

  async finish(): Promise<UploadedTo> {
    await this.each((upload, replica) => this.watch(replica, () => upload.finish()));
    return { held: maskOf([...this.going.keys()]), failed: this.failed };
  }

  async abort(): Promise<void> {
    await Promise.all([...this.going.values()].map((upload) => upload.abort()));
  }

  toAll(): Upload {
    const orThrow = () => {
      for (const error of this.failed.values()) throw error;
    };
    return uploadOf({
      write: async (chunks) => {
        await this.write(chunks);
        orThrow();
      },
      finish: async () => {
        await this.finish();
        orThrow();
      },
      drop: () => this.abort(),
    });
  }

  private async each(step: (upload: Upload, replica: ReplicaId) => Promise<void>): Promise<void> {
    const steps = [...this.going].map(async ([replica, upload]) => {
      try {
        await step(upload, replica);
      } catch (error) {
        this.going.delete(replica);
        this.failed.set(replica, error);
      }
    });
    await Promise.all(steps);
  }
}
