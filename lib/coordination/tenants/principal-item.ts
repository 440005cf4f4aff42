/**
 * The two items of an API key, written and deleted together. The secret itself is in neither.
 *
 * The principal, `principal#<id>` / `credentials`:
 *
 *     salt       bytes    16, random
 *     hash       bytes    SHA-256 of the salt and the secret's UTF-8. One round is enough: stored secrets have 256
 *                         random bits, so there is nothing to guess
 *     scram256   map      what SCRAM-SHA-256 verifies with (RFC 5802): salt, iterations, storedKey, serverKey
 *     scram512   map      the same for SCRAM-SHA-512
 *     grants     list     of maps: scope, and topicPrefix unless it is for all topics
 *     createdMs  number   ms since the epoch
 *
 * Its entry in the directory, `principals` / `<id>`, which is what listing reads: grants, createdMs, as above.
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, ItemKey, Value } from '../../kernel/items.ts';
import { type Grant, type Principal, SCOPES, type Scope } from './principal.ts';

/** RFC 5802's names. */
export interface ScramVerifier {
  salt: Uint8Array;
  iterations: number;
  storedKey: Uint8Array;
  serverKey: Uint8Array;
}

export interface PrincipalRecord extends Principal {
  salt: Uint8Array;
  hash: Uint8Array;
  scram256: ScramVerifier;
  scram512: ScramVerifier;
  createdMs: number;
}

/** What a list shows of a key. */
export interface KeySummary extends Principal {
  createdMs: number;
}

export function principalKey(id: string): ItemKey {
  return { pk: `principal#${id}`, sk: 'credentials' };
}

export function encodePrincipal(record: PrincipalRecord): Attributes {
  return {
    salt: record.salt,
    hash: record.hash,
    scram256: { ...record.scram256 },
    scram512: { ...record.scram512 },
    grants: record.grants.map(encodeGrant),
    createdMs: record.createdMs,
  };
}

export function decodePrincipal(id: string, attributes: Attributes): PrincipalRecord {
  const { salt, hash, scram256, scram512 } = attributes;
  assert(salt instanceof Uint8Array && hash instanceof Uint8Array, `principal ${id} has a salt and a hash`);
  return {
    ...decodePrincipalEntry(id, attributes),
    salt,
    hash,
    scram256: decodeVerifier(id, scram256),
    scram512: decodeVerifier(id, scram512),
  };
}

/** The partition key of the directory. */
export const PRINCIPAL_DIRECTORY = 'principals';

export function principalEntryKey(id: string): ItemKey {
  return { pk: PRINCIPAL_DIRECTORY, sk: id };
}

export function encodePrincipalEntry(summary: KeySummary): Attributes {
  return { grants: summary.grants.map(encodeGrant), createdMs: summary.createdMs };
}

export function decodePrincipalEntry(id: string, attributes: Attributes): KeySummary {
  const { grants, createdMs } = attributes;
  assert(Array.isArray(grants), `principal ${id} has grants`);
  assert(typeof createdMs === 'number', `principal ${id} has createdMs`);
  return { id, grants: grants.map((grant) => decodeGrant(id, grant)), createdMs };
}

function encodeGrant({ scope, topicPrefix }: Grant): Value {
  return topicPrefix === undefined ? { scope } : { scope, topicPrefix };
}

function decodeGrant(id: string, value: Value): Grant {
  const { scope, topicPrefix } = asMap(id, value);
  assert(isScope(scope), `principal ${id} has a scope that is one`);
  if (topicPrefix === undefined) return { scope };
  assert(typeof topicPrefix === 'string', `principal ${id} has a topic prefix that is text`);
  return { scope, topicPrefix };
}

function decodeVerifier(id: string, value: Value | undefined): ScramVerifier {
  const { salt, iterations, storedKey, serverKey } = asMap(id, value);
  assert(salt instanceof Uint8Array, `principal ${id} has a SCRAM salt`);
  assert(typeof iterations === 'number', `principal ${id} has SCRAM iterations`);
  assert(storedKey instanceof Uint8Array, `principal ${id} has a SCRAM stored key`);
  assert(serverKey instanceof Uint8Array, `principal ${id} has a SCRAM server key`);
  return { salt, iterations, storedKey, serverKey };
}

function isScope(value: unknown): value is Scope {
  return SCOPES.includes(value as Scope);
}

function asMap(id: string, value: Value | undefined): Record<string, Value> {
  assert(
    typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array),
    `principal ${id} has a map where one is due`,
  );
  return value;
}
