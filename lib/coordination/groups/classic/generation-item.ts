/**
 * A generation of a classic group: who is in it, and what its leader assigned them.
 *
 * Key: `group#<id>` / `generation`. Written in one transaction with the group's state, whose condition covers it. Attributes:
 *
 *     y   string  the group's nonce
 *     g   number  the generation
 *     s   list    of strings: the members' seats, in order
 *     b   list    of strings: the nonces of their items
 *     a   list    of bytes: their assignments, opaque; absent until the leader has handed them in
 */
import { assert } from '../../../kernel/assert.ts';
import { EMPTY_BYTES, utf8 } from '../../../kernel/bytes.ts';
import type { Attributes, ItemKey, Write } from '../../../kernel/items.ts';
import { numberAt, textAt, textsAt } from '../attributes.ts';
import { groupKey } from '../offsets-item.ts';
import type { Seat } from '../seat.ts';

export interface GenerationMember {
  seat: Seat;
  nonce: string;
}

export interface Generation {
  nonce: string;
  generation: number;
  members: readonly GenerationMember[];
  /** As long as `members`. */
  assignments?: readonly Uint8Array[];
}

export function generationKey(group: string): ItemKey {
  return { pk: groupKey(group), sk: 'generation' };
}

export function encodeGeneration({ nonce, generation, members, assignments }: Generation): Attributes {
  return {
    y: nonce,
    g: generation,
    s: members.map(({ seat }) => seat),
    b: members.map((member) => member.nonce),
    ...(assignments !== undefined && { a: [...assignments] }),
  };
}

export function decodeGeneration(attributes: Attributes): Generation {
  const [seats, nonces] = [textsAt(attributes, 's'), textsAt(attributes, 'b')];
  const generation = {
    nonce: textAt(attributes, 'y'),
    generation: numberAt(attributes, 'g'),
    members: seats.map((seat, index) => ({ seat, nonce: nonces[index] as string })),
  };
  const { a } = attributes;
  if (a === undefined) return generation;
  assert(Array.isArray(a), 'assignments are a list');
  const assignments = a.map((assignment) => {
    assert(assignment instanceof Uint8Array, 'an assignment is bytes');
    return assignment;
  });
  assert(assignments.length === seats.length, 'every member has an assignment');
  return { ...generation, assignments };
}

/** Goes with the write of the group's state and nothing else. */
export function planGeneration(group: string, generation: Generation): Write & { kind: 'put' } {
  return { kind: 'put', key: generationKey(group), attributes: encodeGeneration(generation) };
}

/** Of a seat and its member's nonce, with what a list adds to each, at most. */
export function seatBytes({ seat, nonce }: GenerationMember): number {
  return utf8(seat).length + nonce.length + 2;
}

/** Of the item, at most. */
export function generationBytes({ members, assignments = [] }: Generation): number {
  const seats = members.reduce((sum, member) => sum + seatBytes(member), 0);
  return assignments.reduce((sum, { length }) => sum + length + 1, seats) + FRAME_BYTES;
}

/** More than its key, and the rest of its attributes with their names. */
const FRAME_BYTES = 2_000;

export function isIn({ members }: Generation, { seat, nonce }: GenerationMember): boolean {
  return members.some((member) => member.seat === seat && member.nonce === nonce);
}

/** What a member was assigned: nothing where the leader did not name it. */
export function assignmentOf({ members, assignments }: Generation, seat: Seat): Uint8Array {
  return assignments?.[members.findIndex((member) => member.seat === seat)] ?? EMPTY_BYTES;
}
