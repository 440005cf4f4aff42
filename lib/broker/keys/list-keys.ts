/**
 * The stored API keys in the order of their ids, a page at a time. Declared keys (see authenticate.ts) are not among
 * them.
 */
import {
  decodePrincipalEntry,
  type KeySummary,
  PRINCIPAL_DIRECTORY,
} from '../../coordination/tenants/principal-item.ts';
import type { Broker } from '../broker.ts';
import { type PageRequest, readDirectory } from '../read-directory.ts';

export interface ListKeysResult {
  keys: KeySummary[];
  /** The cursor of the next page; absent at the end. */
  next?: string;
}

/** Throws `INVALID_REQUEST` for a limit out of range or a cursor that is none. */
export async function listKeys(broker: Broker, request: PageRequest = {}): Promise<ListKeysResult> {
  const { entries, next } = await readDirectory(broker.metadata, PRINCIPAL_DIRECTORY, request, decodePrincipalEntry);
  return next === undefined ? { keys: entries } : { keys: entries, next };
}
