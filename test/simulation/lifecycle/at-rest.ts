/**
 * The bytes that table and bucket have at a moment: of whatever is stored and not deleted, also where nothing refers to
 * it.
 */
import type { Value } from '../../../lib/kernel/items.ts';
import { decodeInline, INLINE_PREFIX } from '../../../lib/storage/objects/inline-item.ts';
import type { ObjectName } from '../../../lib/storage/objects/port.ts';
import type { WrittenItem } from '../table-watch.ts';

interface StoredBytes {
  /** Of an object, also of an inline one; or `<pk>/<sk>` of any other item. */
  name: string;
  bytes: Uint8Array;
}

export class AtRest {
  private readonly objects = new Map<ObjectName, Uint8Array>();
  private readonly items = new Map<string, WrittenItem['item']>();

  /** An object of the bucket. */
  put(name: ObjectName, bytes: Uint8Array): void {
    this.objects.set(name, bytes);
  }

  delete(names: readonly ObjectName[]): void {
    for (const name of names) this.objects.delete(name);
  }

  /** What one write of the table has made of its items. */
  note(written: readonly WrittenItem[]): void {
    for (const { key, item } of written) {
      const inline = key.pk.startsWith('inline#') ? `${INLINE_PREFIX}${key.pk.split('#')[1]}/${key.sk}` : undefined;
      const bytes = item && inline !== undefined ? decodeInline(item) : undefined;
      if (inline === undefined) this.items.set(`${key.pk}/${key.sk}`, item);
      else if (bytes === undefined) this.objects.delete(inline);
      else this.objects.set(inline, bytes);
    }
  }

  *all(): Generator<StoredBytes> {
    for (const [name, bytes] of this.objects) yield { name, bytes };
    for (const [name, item] of this.items) {
      if (item !== undefined) yield { name, bytes: Buffer.concat(bytesIn(item)) };
    }
  }
}

/** All of it that is bytes or text. */
function bytesIn(value: Value): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value === 'string') return [Buffer.from(value)];
  return typeof value === 'object' ? Object.values(value).flatMap(bytesIn) : [];
}
