/**
 * Creates something that others may delete, once: no attempt that comes late brings it back after a deletion, and none
 * is made that could create it a second time.
 *
 * Each attempt is conditional on the deletions counted before it (kernel/deletion-count.ts). While they are the same,
 * what an unanswered attempt made is still there and found by the next one. Once they are more, that attempt is void;
 * it may have been applied before, and what it made may be what was deleted. Only a look can tell, and only if it is
 * there.
 */
import { assert } from '../kernel/assert.ts';
import { decodeDeletionCount, deletionCountKey, noDeletionSince } from '../kernel/deletion-count.ts';
import { MillraceError, withEffect } from '../kernel/errors.ts';
import type { Attributes, ItemKey, Write } from '../kernel/items.ts';
import type { Broker } from './broker.ts';
import { decideAgain } from './write-attempts.ts';

export interface Creation {
  /** For messages. */
  what: string;
  /** Under which its deletions are counted. */
  name: string;
  /** What makes it exist, in one transaction. Each has the condition that there is nothing yet, or none. */
  writes: readonly Write[];
  /** What the item is that one of the writes found. */
  judge(key: ItemKey, item: Attributes): Taken;
  /** By a strong read. */
  isThere(): Promise<boolean>;
}

/** By this creation, by another's that stays, or by what is being deleted and gone after `free`. */
export type Taken = 'ours' | { refusal: MillraceError } | { free: () => Promise<void> };

/** Writes that a creation shares its transaction with: the check of the deletions. */
export const CREATION_CHECKS = 1;

/**
 * Throws the refusal that `judge` answers, and faults of storage; with `effect: unknown` it may be there or have been.
 */
export async function createOnce(broker: Broker, creation: Creation): Promise<void> {
  const { what, name, writes } = creation;
  /** The deletions before the attempts that were not answered. */
  let unanswered: number | undefined;
  const created = await decideAgain<boolean | { refusal: MillraceError }>(`creation of ${what}`, async () => {
    const deletions = await deletionsOf(broker, name);
    if (unanswered !== undefined && unanswered !== deletions) return { done: await creation.isThere() };
    const before = unanswered;
    unanswered = deletions;
    const result = await broker.metadata.write([...writes, noDeletionSince(name, deletions)]);
    unanswered = before;
    if (result.outcome === 'applied') return { done: true };
    const refused = writes[result.index];
    if (refused === undefined) return 'again'; // the check
    assert(result.item !== undefined, 'a creation is refused only by an item that is there');
    const taken = creation.judge(refused.key, result.item);
    if (taken === 'ours') return { done: true };
    // If nothing was deleted since the unanswered attempt, and another's is there, it was not applied; once that is
    // deleted, it is void.
    if (unanswered !== undefined && unanswered === (await deletionsOf(broker, name))) unanswered = undefined;
    if ('refusal' in taken) {
      // The name is another's now; what an attempt had made under it may have been deleted before. A value, because
      // here it is known what became of every attempt.
      return { done: { refusal: withEffect(taken.refusal, unanswered === undefined ? 'none' : 'unknown') } };
    }
    await taken.free();
    return 'again';
  });
  if (typeof created === 'object') throw created.refusal;
  if (!created) {
    const detail = `The creation of ${what} was not answered in time; if it was made, it is deleted again.`;
    throw new MillraceError('REQUEST_TIMED_OUT', detail, { effect: 'unknown' });
  }
}

/**
 * Puts what nobody can know of before it is referred to. Safe to repeat; void once something of the name was deleted.
 */
export async function prepareOnce(broker: Broker, name: string, writes: readonly Write[]): Promise<void> {
  await decideAgain<undefined>('write', async () => {
    const check = noDeletionSince(name, await deletionsOf(broker, name));
    const result = await broker.metadata.write([check, ...writes]);
    // The keys are the creation's own: a refusal by them only says that an earlier attempt had come through.
    return result.outcome === 'refused' && result.index === 0 ? 'again' : { done: undefined };
  });
}

async function deletionsOf(broker: Broker, name: string): Promise<number> {
  return decodeDeletionCount(await broker.metadata.get(deletionCountKey(name), 'strong'));
}
