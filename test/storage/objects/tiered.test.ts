import { expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { INLINE } from '../../support/inline-names.ts';

const bytes = Uint8Array.of(1);

function makeTiers(inlineBytesMax = 100) {
  const inline = createInlineObjectStore({
    metadata: openSqliteMetadataStore({ path: ':memory:' }),
    clock: systemClock,
  });
  const bucket = createMemoryObjectStore();
  return { inline, bucket, tiered: createTieredObjectStore({ inline, bucket, inlineBytesMax }) };
}

test('an object is in the tier that its name says', async () => {
  const { inline, bucket, tiered } = makeTiers();
  await tiered.put(INLINE.name(0), [bytes]);
  await tiered.put('segments/1/a', [bytes]);
  expect((await inline.list(INLINE.prefix)).objects).toHaveLength(1);
  expect((await bucket.list('')).objects).toEqual([{ name: 'segments/1/a', bytes: 1 }]);
  await tiered.delete(['segments/1/a', INLINE.name(0), 'segments/1/never']);
  expect((await inline.list(INLINE.prefix)).objects).toEqual([]);
  expect((await bucket.list('')).objects).toEqual([]);
});

test('the tier of an object follows from its size', () => {
  const { tiered } = makeTiers();
  expect(tiered.tierFor(0)).toBe('inline');
  expect(tiered.tierFor(100)).toBe('inline');
  expect(tiered.tierFor(101)).toBe('segments');
  expect(makeTiers(0).tiered.tierFor(0)).toBe('segments');
});

test.each(['', 'i', 'inline'])('a list of %j, which is of more than one tier, is refused', async (prefix) => {
  await expect(makeTiers().tiered.list(prefix)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});
