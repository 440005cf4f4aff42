/**
 * Which ledgers objects have parts of, as their footers say. Objects never change, so what is remembered stays true;
 * whether an object is still there it does not say. The ledgers that share an object are cleared at about the same
 * time, and each asks.
 */
import type { ObjectId } from '../../kernel/ids.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import type { Part } from '../../log/segment/footer.ts';

export interface ObjectParts {
  object: ObjectId;
  parts: readonly Pick<Part, 'ledger' | 'seen'>[];
}

/** By the objects' names; bounded by parts, of which an object has between one and hundreds. */
export class ObjectPartsCache {
  /** What was not used for longest comes first. */
  private readonly known = new Map<string, ObjectParts>();
  private parts = 0;
  /** What is being read. */
  private readonly under = new Map<string, Promise<ObjectParts | undefined>>();

  get(name: string): ObjectParts | undefined {
    const found = this.known.get(name);
    if (found !== undefined) {
      this.known.delete(name);
      this.known.set(name, found);
    }
    return found;
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
    this.forget(name);
    // Without the runs, which are most of a footer.
    this.known.set(name, { object, parts: parts.map(({ ledger, seen }) => ({ ledger, seen })) });
    this.parts += parts.length;
    for (const oldest of this.known.keys()) {
      if (this.parts <= retiringLimits.objectPartsRemembered) break;
      this.forget(oldest);
    }
  }

  forget(name: string): void {
    this.parts -= this.known.get(name)?.parts.length ?? 0;
    this.known.delete(name);
  }
}
