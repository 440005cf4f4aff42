/**
 * Which ledgers objects have parts of, as their footers say. Objects never change, so what is remembered stays true;
 * whether an object is still there it does not say. The ledgers that share an object are cleared at about the same
 * time, and each asks.
 */
import type { ObjectId } from '../../kernel/ids.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { Part } from '../../log/segment/footer.ts';

export interface ObjectParts {
  object: ObjectId;
  parts: readonly Pick<Part, 'ledger' | 'seen'>[];
}

/** By the objects' names; bounded by parts, of which an object has between one and hundreds. */
export class ObjectPartsCache {
  private readonly known = new LruMap<string, ObjectParts>(retiringLimits.objectPartsRemembered, {
    weigh: ({ parts }) => parts.length,
  });
  /** What is being read. */
  private readonly under = new Map<string, Promise<ObjectParts | undefined>>();

  get(name: string): ObjectParts | undefined {
    return this.known.get(name);
  }

  /**
   * Read where it is not known, once for all who ask meanwhile. What is not there is not remembered, and no failure is.
   */
  async find(name: string, read: () => Promise<ObjectParts | undefined>): Promise<ObjectParts | undefined> {
    const known = this.get(name) ?? this.under.get(name);
    if (known !== undefined) return known;
    const reading = read();
    this.under.set(name, reading);
    try {
      const found = await reading;
      if (found !== undefined) this.keep(name, found);
      return found;
    } finally {
      this.under.delete(name);
    }
  }

  keep(name: string, { object, parts }: ObjectParts): void {
    // Without the runs, which are most of a footer.
    this.known.set(name, { object, parts: parts.map(({ ledger, seen }) => ({ ledger, seen })) });
  }

  forget(name: string): void {
    this.known.delete(name);
  }
}
