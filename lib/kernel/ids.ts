/** Ids and names that cross layers. Plain strings and numbers with checks at the edges, where they enter. */
import { assert } from './assert.ts';
import { fromHex, toBase64Url, toHex } from './bytes.ts';
import type { Random } from './random.ts';

/** A topic's id for life: a random UUID in Kafka's text form, 22 characters of base64url. */
export type TopicId = string;

export const TOPIC_ID_BYTES = 16;

export function newTopicId(random: Random): TopicId {
  for (;;) {
    const bytes = random.bytes(TOPIC_ID_BYTES);
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40; // version 4
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80; // RFC 9562 variant
    const id = toBase64Url(bytes);
    // Kafka avoids ids with a leading dash, which command lines take for an option.
    if (!id.startsWith('-')) return id;
  }
}

/** A ledger is a topic's n-th run of `ledger.partitions` partitions. */
export interface LedgerId {
  topicId: TopicId;
  index: number;
}

/** A map key for a ledger; also what logs show. */
export function ledgerName(ledger: LedgerId): string {
  return `${ledger.topicId}#${ledger.index}`;
}

/**
 * Names one stored object for life: when its bytes were born (ms since the epoch, by the writer's clock but never at or
 * below the `swept` mark it knows of) and 64 random bits. The birth time is part of the name because the sweeper's
 * fence compares it.
 */
export interface ObjectId {
  birthMs: number;
  /** 8 bytes. */
  random: Uint8Array;
}

export const OBJECT_RANDOM_BYTES = 8;
export const OBJECT_ID_BYTES = 6 + OBJECT_RANDOM_BYTES;
const BIRTH_DIGITS = 12;
const OBJECT_ID_TEXT = /^[0-9a-f]{28}$/;

export function newObjectId(birthMs: number, random: Random): ObjectId {
  return { birthMs, random: random.bytes(OBJECT_RANDOM_BYTES) };
}

/** 28 hex digits: 12 of birth time, 16 random. Sorts by birth. */
export function objectIdText(id: ObjectId): string {
  assert(Number.isSafeInteger(id.birthMs) && id.birthMs >= 0 && id.birthMs < 2 ** 48, `${id.birthMs} fits 48 bits`);
  return id.birthMs.toString(16).padStart(BIRTH_DIGITS, '0') + toHex(id.random);
}

/** The id behind its text, or `undefined` where the text is not one. */
export function parseObjectId(text: string): ObjectId | undefined {
  if (!OBJECT_ID_TEXT.test(text)) return undefined;
  const random = fromHex(text.slice(BIRTH_DIGITS));
  return random === undefined ? undefined : { birthMs: Number.parseInt(text.slice(0, BIRTH_DIGITS), 16), random };
}

/**
 * Names one commit to one ledger: the object's random bytes and the part's number. A flush that is sequenced in
 * several parts gives each its own number, so that "this id is in the ledger" means "exactly these records are in".
 */
export function commitId(object: ObjectId, part: number): Uint8Array {
  assert(Number.isInteger(part) && part >= 0 && part < 256, `part ${part} is not a byte`);
  const id = new Uint8Array(OBJECT_RANDOM_BYTES + 1);
  id.set(object.random);
  id[OBJECT_RANDOM_BYTES] = part;
  return id;
}
