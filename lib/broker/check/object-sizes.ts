/**
 * Whether objects are there, and how large. The sizes of those found last are remembered: what one flush has written to
 * many ledgers is asked for by each of them. That an object is missing is not: it is looked for again whenever that
 * matters.
 */
import { checkLimits } from '../../kernel/limits/check.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';

export class ObjectSizes {
  private readonly objects: Pick<ObjectStore, 'getTail'>;
  private readonly sizes = new LruMap<string, number>(checkLimits.checkObjectsRemembered);

  constructor(objects: Pick<ObjectStore, 'getTail'>) {
    this.objects = objects;
  }

  /** In bytes; `undefined` where no replica has it. */
  async of(name: string): Promise<number | undefined> {
    const known = this.sizes.get(name);
    if (known !== undefined) return known;
    const bytes = (await this.objects.getTail(name, 1))?.objectBytes;
    if (bytes !== undefined) this.sizes.set(name, bytes);
    return bytes;
  }
}
