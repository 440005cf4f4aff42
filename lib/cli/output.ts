/** Where answers go. Whoever writes waits until it is taken, so that nothing piles up before a slow reader. */
import type { Writable } from 'node:stream';
import { Failure } from './failure.ts';

/** The reader has gone, as `head` does when it has enough. Nobody is told: it is how pipes end. */
export class BrokenPipe extends Error {
  override readonly name = 'BrokenPipe';
}

export class Output {
  private readonly stream: Writable;
  private failure: NodeJS.ErrnoException | undefined;

  constructor(stream: Writable) {
    this.stream = stream;
    // The callback of the write is told too; an event that nobody hears would end the process.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.failure ??= error;
    });
  }

  /** Throws `BrokenPipe`, or a `Failure` where it cannot be written for another reason. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
      this.stream.write(chunk, resolve);
    });
    if (!error) return;
    const { code, message } = this.failure ?? error;
    if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') throw new BrokenPipe();
    throw new Failure(`The output cannot be written: ${message}.`);
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value));
  }
}
