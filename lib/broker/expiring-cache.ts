/**
 * Configuration items (topics, API keys) in the process's memory. What `get` returns may be as old as `ageMsMax`: a
 * change by another process is seen within that time. It never says of something that exists that there is none:
 * absence is told from a read that began after the question, and never remembered.
 */
import type { Clock } from '../kernel/clock.ts';
import { LruMap } from '../kernel/lru-map.ts';

export interface ExpiringCacheOptions<V> {
  /** Reads strongly. */
  read: (key: string) => Promise<V | undefined>;
  clock: Clock;
  entriesMax: number;
  ageMsMax: number;
}

interface Entry<V> {
  value: V;
  /** By the monotonic clock. */
  validUntilMs: number;
}

export class ExpiringCache<V> {
  private readonly options: ExpiringCacheOptions<V>;
  private readonly entries: LruMap<string, Entry<V>>;
  /** Reads under way, shared by those who ask meanwhile. Bounded by the requests of the process. */
  private readonly reads = new Map<string, Promise<V | undefined>>();

  constructor(options: ExpiringCacheOptions<V>) {
    this.options = options;
    this.entries = new LruMap(options.entriesMax);
  }

  async get(key: string): Promise<V | undefined> {
    const entry = this.entries.get(key);
    if (entry !== undefined && this.options.clock.monotonic() < entry.validUntilMs) return entry.value;
    const shared = this.reads.get(key);
    // A shared read began before this call, so it proves what is there but not what isn't.
    return (shared && (await shared)) ?? (await this.getFresh(key));
  }

  /** As of after this call. */
  async getFresh(key: string): Promise<V | undefined> {
    const begunMs = this.options.clock.monotonic();
    const reading = this.options.read(key);
    this.reads.set(key, reading);
    try {
      const value = await reading;
      // Another read that began later, or `forget`, has the last word on what is kept.
      if (this.reads.get(key) === reading) this.keep(key, value, begunMs);
      return value;
    } finally {
      if (this.reads.get(key) === reading) this.reads.delete(key);
    }
  }

  /** What is kept or being read is not served any more. For whoever has just changed it. */
  forget(key: string): void {
    this.entries.delete(key);
    this.reads.delete(key);
  }

  private keep(key: string, value: V | undefined, begunMs: number): void {
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, { value, validUntilMs: begunMs + this.options.ageMsMax });
  }
}
