/**
 * What all uploads have in common, whatever becomes of their bytes: one call at a time, nothing after the end, and what
 * failed is let go of at once.
 */
import { assert } from '../../kernel/assert.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { Upload } from './port.ts';

export interface UploadSteps {
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** Makes the object visible, whole. */
  finish(): Promise<void>;
  /** Lets go of what was taken, which may be nothing. Never rejects. */
  drop(): Promise<void>;
}

export function uploadOf(steps: UploadSteps): Upload {
  return new SteppedUpload(steps);
}

class SteppedUpload implements Upload {
  private readonly steps: UploadSteps;
  private state: 'open' | 'stepping' | 'ended' = 'open';
  private step: Promise<void> = Promise.resolve();
  private aborting = false;

  constructor(steps: UploadSteps) {
    this.steps = steps;
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    return this.take(() => this.steps.write(chunks), 'open');
  }

  finish(): Promise<void> {
    return this.take(() => this.steps.finish(), 'ended');
  }

  async abort(): Promise<void> {
    this.aborting = true;
    await this.step.catch(() => {}); // its caller hears of it
    if (this.state === 'ended') return;
    this.state = 'ended';
    await this.steps.drop();
  }

  private async take(call: () => Promise<void>, then: 'open' | 'ended'): Promise<void> {
    assert(this.state === 'open' && !this.aborting, 'an upload takes one call at a time, and none after its end');
    this.state = 'stepping';
    this.step = this.carryOut(call, then);
    await this.step;
  }

  private async carryOut(call: () => Promise<void>, then: 'open' | 'ended'): Promise<void> {
    try {
      await call();
      this.state = then;
    } catch (error) {
      this.state = 'ended';
      await this.steps.drop();
      throw error;
    }
  }
}

/** Keeps the bytes in memory and stores them by one `put`: for small objects, and for stores in memory. */
export function gatheredUpload(
  put: (chunks: readonly Uint8Array[]) => Promise<void>,
  bytesMax: number = storageLimits.uploadBytesMax,
): Upload {
  const gathered: Uint8Array[] = [];
  let length = 0;
  return uploadOf({
    write: async (chunks) => {
      for (const chunk of chunks) {
        length += chunk.length;
        assert(length <= bytesMax, `an object of this store has at most ${bytesMax} bytes`);
        gathered.push(chunk.slice());
      }
    },
    finish: () => put(gathered),
    drop: async () => {
      gathered.length = 0;
    },
  });
}

/** For a store that has to be opened first: that happens with the first call. */
export function deferredUpload(open: () => Promise<Upload>): Upload {
  let opened: Upload | undefined;
  const upload = async () => {
    opened ??= await open();
    return opened;
  };
  return uploadOf({
    write: async (chunks) => (await upload()).write(chunks),
    finish: async () => (await upload()).finish(),
    drop: async () => opened?.abort(),
  });
}
