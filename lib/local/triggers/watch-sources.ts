/**
 * Tells when one of a handler's sources has changed: whatever is code in the directories of the files that it was
 * loaded from, so that a file that was missing counts as well. What an editor writes in several steps is told once.
 */
import { type FSWatcher, watch } from 'node:fs';
import { dirname, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../kernel/clock.ts';
import { serverLimits } from '../../kernel/limits/server.ts';

const CODE = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']);

export interface SourceWatcherOptions {
  clock: Clock;
  onChange: () => void;
  onError: (directory: string, error: unknown) => void;
}

export class SourceWatcher {
  private readonly options: SourceWatcherOptions;
  private readonly watchers = new Map<string, FSWatcher>();
  private readonly closed = new AbortController();
  private isPending = false;

  constructor(options: SourceWatcherOptions) {
    this.options = options;
  }

  add(url: string): void {
    const directory = dirname(fileURLToPath(url));
    if (this.watchers.has(directory) || this.watchers.size >= serverLimits.handlerDirectoriesMax) return;
    if (this.closed.signal.aborted) return;
    try {
      const watcher = watch(directory, { persistent: false }, (_, name) => {
        if (name === null || CODE.has(extname(name))) void this.changed();
      });
      watcher.on('error', (error) => this.options.onError(directory, error));
      this.watchers.set(directory, watcher);
    } catch (error) {
      this.options.onError(directory, error);
    }
  }

  close(): void {
    this.closed.abort();
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  private async changed(): Promise<void> {
    if (this.isPending) return;
    this.isPending = true;
    await this.options.clock.sleep(serverLimits.handlerChangeMs, this.closed.signal);
    this.isPending = false;
    if (!this.closed.signal.aborted) this.options.onChange();
  }
}
