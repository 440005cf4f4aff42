/** Where a scan of the table goes on: the last key that it named, as text. */
import { MillraceError } from '../../kernel/errors.ts';
import type { ItemKey } from '../../kernel/items.ts';

export function keyCursor({ pk, sk }: ItemKey): string {
  return JSON.stringify([pk, sk]);
}

/** Throws `INVALID_REQUEST`. */
export function parseKeyCursor(cursor: string): ItemKey {
  try {
    const [pk, sk, ...more] = JSON.parse(cursor) as unknown[];
    if (typeof pk === 'string' && typeof sk === 'string' && more.length === 0) return { pk, sk };
  } catch {
    // Not JSON, or not a list: as any other text that no scan has returned.
  }
  throw new MillraceError('INVALID_REQUEST', 'The cursor is not one that a scan returned.');
}
