/** Erasures, the oldest first, a page at a time. */
import { decodeErasure, ERASURES, type Erasure } from '../../log/erasure/erasure-item.ts';
import type { Broker } from '../broker.ts';
import { type PageRequest, readDirectory } from '../read-directory.ts';

export interface ListErasuresResult {
  erasures: Erasure[];
  /** The cursor of the next page; absent at the end. */
  next?: string;
}

/** Throws `INVALID_REQUEST` for a limit out of range or a cursor that is none. */
export async function listErasures(broker: Broker, request: PageRequest = {}): Promise<ListErasuresResult> {
  const { entries, next } = await readDirectory(broker.metadata, ERASURES, request, decodeErasure);
  return next === undefined ? { erasures: entries } : { erasures: entries, next };
}
