/**
 * Has the operating system write SQLite's log to the disk while it grows, in the thread pool. SQLite itself waits for
 * that when it copies the log into the file, and every call waits with it: what is left by then is little.
 *
 * It promises nothing, and its failures are not looked at: SQLite syncs the log as well before it relies on it, and is
 * told of the same fault (Linux reports one to everybody who has the file open).
 */
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { type FileDescriptor, openFile, syncFile } from '../objects/files.ts';

export class LogWriteback {
  private readonly path: string;
  private readonly closing = new AbortController();
  private file: FileDescriptor | undefined;
  private hasMore = false;
  private running: Promise<void> | undefined;

  /** Of the database's file. */
  constructor(path: string) {
    this.path = `${path}-wal`;
  }

  /** The log has more than before. */
  appended(): void {
    this.hasMore = true;
    if (!this.closing.signal.aborted) this.running ??= this.run().finally(() => (this.running = undefined));
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    while (this.hasMore && !signal.aborted) {
      this.hasMore = false;
      await sleep(storageLimits.logWritebackMs, undefined, { ref: false, signal }).catch(() => {});
      if (!signal.aborted) await this.sync().catch(() => {});
    }
  }

  private async sync(): Promise<void> {
    this.file ??= await openFile(this.path, 'r+');
    await syncFile(this.file);
  }
}
