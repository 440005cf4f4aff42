export interface LruMapOptions<V> {
  /** Absent: every value weighs 1. */
  weigh?: (value: V) => number;
  /** Told of each value that is there no longer. */
  dropped?: (value: V) => void;
}

/** A map of bounded size: what was not used for longest goes first. */
export class LruMap<K, V> {
  private readonly entries = new Map<K, V>();
  private readonly weightMax: number;
  private readonly weigh: (value: V) => number;
  private readonly dropped: ((value: V) => void) | undefined;
  private weight = 0;

  /** What alone is too heavy is not kept. */
  constructor(weightMax: number, { weigh = () => 1, dropped }: LruMapOptions<V> = {}) {
    this.weightMax = weightMax;
    this.weigh = weigh;
    this.dropped = dropped;
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key);
    if (value !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, value);
    }
    return value;
  }

  set(key: K, value: V): void {
    this.delete(key);
    this.entries.set(key, value);
    this.weight += this.weigh(value);
    for (const oldest of this.entries.keys()) {
      if (this.weight <= this.weightMax) return;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    const value = this.entries.get(key);
    if (value === undefined) return;
    this.entries.delete(key);
    this.weight -= this.weigh(value);
    this.dropped?.(value);
  }
}
