/** A metadata table in a map: what one conditional write does, by the same pure semantics as the embedded store. */
import type { Attributes, ItemKey, Write } from '../../lib/kernel/items.ts';
import { applyChanges, evaluate } from '../../lib/storage/metadata/apply.ts';
import type { WriteResult } from '../../lib/storage/metadata/port.ts';

export class ItemTable {
  private readonly items = new Map<string, Attributes>();

  get(key: ItemKey): Attributes | undefined {
    return this.items.get(nameOf(key));
  }

  apply(write: Write): WriteResult {
    const name = nameOf(write.key);
    const item = this.items.get(name);
    if (!evaluate(write.conditions ?? [], item)) return { outcome: 'refused', index: 0, item };
    switch (write.kind) {
      case 'put':
        this.items.set(name, write.attributes);
        return { outcome: 'applied', item: write.attributes };
      case 'update': {
        const changed = applyChanges(item, write.changes);
        this.items.set(name, changed);
        return { outcome: 'applied', item: changed };
      }
      case 'delete':
        this.items.delete(name);
        return { outcome: 'applied' };
      case 'check':
        return { outcome: 'applied' };
    }
  }
}

function nameOf({ pk, sk }: ItemKey): string {
  return `${pk}/${sk}`;
}
