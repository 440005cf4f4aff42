import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeOffsets,
  encodeOffsets,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  offsetsKey,
  parseOffsetsKey,
  planOffsets,
} from '../../../lib/coordination/groups/offsets-item.ts';
import { ItemTable } from '../../support/item-table.ts';

const committed = fc.record(
  {
    offset: fc.maxSafeNat(),
    committedMs: fc.nat(),
    leaderEpoch: fc.nat(),
    metadata: fc.string(),
  },
  { requiredKeys: ['offset', 'committedMs'] },
);
const items = fc.record({
  topic: fc.stringMatching(/^[a-z.]{1,20}$/),
  slots: fc.array(fc.option(committed, { nil: undefined }), {
    minLength: OFFSETS_PER_ITEM,
    maxLength: OFFSETS_PER_ITEM,
  }),
});
const id = { group: 'g', topicId: 'AAAAAAAAQACAAAAAAAAAAA', index: 3 };

describe("the items of a group's offsets", () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(items, (item) => {
        expect(decodeOffsets(encodeOffsets(item))).toEqual(item);
      }),
    );
  });

  it('have keys that say which topic and which partitions', () => {
    expect(offsetsKey(id)).toEqual({ pk: 'group#g', sk: 'offset#AAAAAAAAQACAAAAAAAAAAA#0003' });
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{22}$/), fc.integer({ min: 0, max: 99_999 }), (topicId, index) => {
        const { sk } = offsetsKey({ group: 'g', topicId, index });
        expect(parseOffsetsKey(sk)).toEqual({ topicId, index });
        expect(sk.startsWith(OFFSETS_PREFIX)).toBe(true);
      }),
    );
  });

  it('hold of every slot what was committed last, whatever was committed before it', () => {
    const commits = fc.array(fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), committed), { minLength: 1 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(commits, (history) => {
        const table = new ItemTable();
        const expected = new Map<number, unknown>();
        for (const commit of history) {
          const slots = new Map(commit);
          for (const [slot, offset] of slots) expected.set(slot, offset);
          table.apply(planOffsets(id, 't', slots));
        }
        const item = decodeOffsets(table.get(offsetsKey(id)) ?? {});
        for (let slot = 0; slot < OFFSETS_PER_ITEM; slot++) expect(item.slots[slot]).toEqual(expected.get(slot));
      }),
    );
  });

  it.each([
    ['topic', undefined],
    ['t0', undefined],
    ['l0', 'text'],
    ['m0', 1],
  ])('are refused as corrupt where %s is %j', (name, value) => {
    const attributes = encodeOffsets({ topic: 't', slots: [{ offset: 1, committedMs: 2 }] });
    if (value === undefined) delete attributes[name];
    else attributes[name] = value;
    expect(() => decodeOffsets(attributes)).toThrow(/topic|slot 0/);
  });

  it('are asked for by keys of their own', () => {
    expect(() => parseOffsetsKey('state')).toThrow('key of committed offsets');
    expect(() => parseOffsetsKey('offset#x')).toThrow('key of committed offsets');
  });
});
