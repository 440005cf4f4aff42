import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkTopicName,
  collisionName,
  hasCollisionCharacters,
  validateTopicName,
} from '../../../lib/log/topic/name.ts';

describe('topic names', () => {
  it.each(['a', 'orders', 'orders.v1_EU-west', '...', '.a', '-', '_', '0', 'a'.repeat(249)])('allows %s', (name) => {
    expect(validateTopicName(name)).toBeUndefined();
  });

  it.each([
    ['', 'empty'],
    ['.', '"."'],
    ['..', '".."'],
    ['a'.repeat(250), '249'],
    ['a b', 'letters'],
    ['a/b', 'letters'],
    ['../a', 'letters'],
    ['a\n', 'letters'],
    ['\n', 'letters'],
    ['ä', 'letters'],
    ['a#b', 'letters'],
    ['a\0', 'letters'],
  ])('refuses %j and says why', (name, reason) => {
    expect(validateTopicName(name)).toContain(reason);
  });

  it('throws INVALID_TOPIC with the reason', () => {
    expect(() => checkTopicName('a b')).toThrow(expect.objectContaining({ code: 'INVALID_TOPIC' }));
  });

  it('lets names collide exactly when they differ in dots and underscores only', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '.', '_', '-'), minLength: 1, maxLength: 6 });
    const unified = (text: string) => text.split('').map((c) => (c === '.' ? '_' : c));
    fc.assert(
      fc.property(name, name, (a, b) => {
        const same = unified(a).join() === unified(b).join();
        expect(collisionName(a) === collisionName(b)).toBe(same);
        // Only names that say so can collide with another: the others need no claim.
        expect(same && a !== b && !(hasCollisionCharacters(a) && hasCollisionCharacters(b))).toBe(false);
      }),
    );
  });
});
