/**
 * Makes an API key. Its secret is in the answer and nowhere else: what is stored can verify it, not show it.
 */

import { checkGrants, type Grant } from '../../coordination/tenants/principal.ts';
import {
  encodePrincipal,
  encodePrincipalEntry,
  type PrincipalRecord,
  principalEntryKey,
  principalKey,
} from '../../coordination/tenants/principal-item.ts';
import { assert } from '../../kernel/assert.ts';
import { bytesEqual } from '../../kernel/bytes.ts';
import type { Attributes, Write } from '../../kernel/items.ts';
import type { Broker } from '../broker.ts';
import { createOnce } from '../create-once.ts';
import { type GeneratedSecret, generateSecret, hashSecret, newSalt, scramVerifier } from './secrets.ts';

export interface CreateKeyRequest {
  grants: readonly Grant[];
}

export interface CreatedKey {
  id: string;
  /** Shown here once. */
  secret: string;
  grants: readonly Grant[];
  createdMs: number;
}

/** Throws `INVALID_REQUEST` for grants that nobody can have. */
export async function createKey(broker: Broker, { grants }: CreateKeyRequest): Promise<CreatedKey> {
  checkGrants(grants);
  const generated = generateSecret(broker.random);
  const record = await newRecord(broker, generated, grants);
  await createOnce(broker, {
    what: 'the key',
    name: principalKey(record.id).pk,
    writes: creationWrites(record),
    judge: (_, item) => {
      assert(isOurs(record, item), 'a fresh key id of 64 random bits is taken');
      return 'ours';
    },
    isThere: async () => {
      const found = await broker.metadata.get(principalKey(record.id), 'strong');
      return found !== undefined && isOurs(record, found);
    },
  });
  return { ...generated, grants: record.grants, createdMs: record.createdMs };
}

async function newRecord(
  broker: Broker,
  { id, secret }: GeneratedSecret,
  grants: readonly Grant[],
): Promise<PrincipalRecord> {
  const { random, clock } = broker;
  const salt = newSalt(random);
  const [scram256, scram512] = await Promise.all([
    scramVerifier('sha256', newSalt(random), secret),
    scramVerifier('sha512', newSalt(random), secret),
  ]);
  return { id, grants, createdMs: clock.now(), salt, hash: hashSecret(salt, secret), scram256, scram512 };
}

function creationWrites(record: PrincipalRecord): Write[] {
  return [
    {
      kind: 'put',
      key: principalKey(record.id),
      attributes: encodePrincipal(record),
      conditions: [{ clause: 'item-absent' }],
    },
    { kind: 'put', key: principalEntryKey(record.id), attributes: encodePrincipalEntry(record) },
  ];
}

/** An attempt before this one had come through, unseen. */
function isOurs(record: PrincipalRecord, { salt }: Attributes): boolean {
  return salt instanceof Uint8Array && bytesEqual(salt, record.salt);
}
