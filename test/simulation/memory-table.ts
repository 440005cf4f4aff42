/**
 * A metadata store of plain maps, for worlds that read and write small items a few thousand times a second and are then
 * gone. It keeps the same contract as the others and refuses what they refuse; what it hands out and takes in is
 * copied.
 */
import type { Attributes, Item, ItemKey, Value, Write } from '../../lib/kernel/items.ts';
import { checkLimits } from '../../lib/kernel/limits/check.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { applyChanges, evaluate, withoutNegativeZeros } from '../../lib/storage/metadata/apply.ts';
import { checkItemBytes, checkKey, checkWrites } from '../../lib/storage/metadata/check-writes.ts';
import { checkExpressions } from '../../lib/storage/metadata/dynamodb-expressions.ts';
import { keyCursor, parseKeyCursor } from '../../lib/storage/metadata/key-cursor.ts';
import type {
  KeyPage,
  MetadataStore,
  Query,
  QueryPage,
  TableScan,
  WriteResult,
} from '../../lib/storage/metadata/port.ts';
import { compareText } from '../../lib/storage/metadata/text-order.ts';

/** The items of one partition key. */
interface Group {
  /** In order. */
  keys: string[];
  items: Map<string, Attributes>;
}

type Made = { key: ItemKey; item: Attributes | undefined };

export class MemoryTable implements MetadataStore, TableScan {
  private readonly groups = new Map<string, Group>();

  async get(key: ItemKey): Promise<Attributes | undefined> {
    checkKey(key);
    const item = this.read(key);
    return item && copyOf(item);
  }

  async query({ pk, from, to, descending = false, limit }: Query): Promise<QueryPage> {
    const group = this.groups.get(pk);
    if (group === undefined) return { items: [] };
    const { keys } = group;
    const first = from === undefined ? 0 : placeOf(keys, from);
    const end = to === undefined ? keys.length : placeOf(keys, to);
    const items: Item[] = [];
    let bytes = 0;
    for (let step = 0; step < end - first; step++) {
      const sk = keys[descending ? end - 1 - step : first + step] as string;
      const attributes = copyOf(group.items.get(sk) as Attributes);
      items.push({ key: { pk, sk }, attributes });
      bytes += checkItemBytes({ pk, sk }, attributes);
      if (items.length < limit && bytes < storageLimits.queryPageBytesMax) continue;
      return { items, next: descending ? sk : `${sk}\0` };
    }
    return { items };
  }

  async scanKeys(cursor?: string): Promise<KeyPage> {
    const after = cursor === undefined ? { pk: '', sk: '' } : parseKeyCursor(cursor);
    const keys: ItemKey[] = [];
    for (const pk of [...this.groups.keys()].sort(compareText)) {
      if (compareText(pk, after.pk) < 0) continue;
      for (const sk of this.groups.get(pk)?.keys ?? []) {
        if (pk === after.pk && compareText(sk, after.sk) <= 0) continue;
        keys.push({ pk, sk });
        if (keys.length === checkLimits.scanPageItems) return { keys, next: keyCursor({ pk, sk }) };
      }
    }
    return { keys };
  }

  async write(writes: readonly Write[]): Promise<WriteResult> {
    checkWrites(writes);
    for (const write of writes) checkExpressions(write);
    const made: Made[] = [];
    for (const [index, { kind, key, conditions = [], ...write }] of writes.entries()) {
      const before = this.read(key);
      if (!evaluate(conditions, before)) return { outcome: 'refused', index, item: before && copyOf(before) };
      if (kind === 'check') continue;
      made.push({ key, item: itemMade({ kind, key, ...write } as Write, before) });
    }
    for (const { key, item } of made) this.keep(key, item);
    const [only] = made;
    return writes.length === 1 && only?.item !== undefined
      ? { outcome: 'applied', item: copyOf(only.item) }
      : { outcome: 'applied' };
  }

  async close(): Promise<void> {
    this.groups.clear();
  }

  private read({ pk, sk }: ItemKey): Attributes | undefined {
    return this.groups.get(pk)?.items.get(sk);
  }

  private keep({ pk, sk }: ItemKey, item: Attributes | undefined): void {
    const group = this.groups.get(pk) ?? { keys: [], items: new Map() };
    this.groups.set(pk, group);
    if (item === undefined) {
      if (group.items.delete(sk)) group.keys.splice(placeOf(group.keys, sk), 1);
    } else {
      if (!group.items.has(sk)) group.keys.splice(placeOf(group.keys, sk), 0, sk);
      group.items.set(sk, item);
    }
  }
}

function itemMade(write: Write, before: Attributes | undefined): Attributes | undefined {
  if (write.kind === 'put') return measured(write.key, withoutNegativeZeros(write.attributes));
  return write.kind === 'update' ? measured(write.key, applyChanges(before, write.changes)) : undefined;
}

function measured(key: ItemKey, item: Attributes): Attributes {
  checkItemBytes(key, item);
  return copyOf(item);
}

/** Where the first key is that is not before this one. */
function placeOf(keys: readonly string[], wanted: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareText(keys[middle] as string, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** As a store hands it out: whoever changes it changes nothing else. */
export function copyOf(item: Attributes): Attributes {
  const copy: Attributes = {};
  for (const name of Object.keys(item)) copy[name] = copyOfValue(item[name] as Value);
  return copy;
}

function copyOfValue(value: Value): Value {
  if (typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return value.slice();
  return Array.isArray(value) ? value.map(copyOfValue) : copyOf(value);
}
