/**
 * Deletes an API key. This process refuses its secret from then on; another may accept it from memory for
 * `keyLimits.principalCacheMs` more.
 */
import { principalEntryKey, principalKey } from '../../coordination/tenants/principal-item.ts';
import { countDeletion } from '../../kernel/deletion-count.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Write } from '../../kernel/items.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';
import { isKeyId } from './secrets.ts';

/** Throws `NOT_FOUND`. */
export async function deleteKey(broker: Broker, id: string): Promise<void> {
  if (!isKeyId(id)) throw notFound();
  const writes: Write[] = [
    { kind: 'delete', key: principalKey(id), conditions: [{ clause: 'item-exists' }] },
    { kind: 'delete', key: principalEntryKey(id) },
    // An attempt to create the key that comes late must not bring it back: its secret is out.
    countDeletion(principalKey(id).pk),
  ];
  let attempted = false;
  await decideAgain('deletion of the key', async () => {
    const repeated = attempted;
    attempted = true;
    broker.principals.forget(id);
    const { outcome } = await broker.metadata.write(writes);
    // An attempt before this one may have been the one that deleted it.
    if (outcome === 'refused' && !repeated) throw notFound();
    return { done: undefined };
  });
  broker.principals.forget(id);
}

function notFound(): MillraceError {
  return new MillraceError('NOT_FOUND', 'there is no key of this id');
}
