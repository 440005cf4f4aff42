/**
 * The contract of `MetadataStore` (lib/storage/metadata/port.ts), as a suite that runs over every adapter. Each test
 * gets an empty store of its own.
 */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Attributes, ItemKey, Write } from '../../lib/kernel/items.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { withoutNegativeZeros } from '../../lib/storage/metadata/apply.ts';
import type { MetadataStore, WriteResult } from '../../lib/storage/metadata/port.ts';
import { anyAttributes } from '../support/arbitrary-items.ts';
import { CONDITION_CASES, CONDITION_ITEM } from '../support/condition-cases.ts';
import { querySuite } from './metadata-query.ts';

/** Opens a store without items. Whoever called it closes it. */
export type MakeMetadataStore = () => Promise<MetadataStore>;

interface ContractOptions {
  /** How many random examples a property tries. */
  numRuns?: number;
}

/** The store of the test that runs, and short forms of its calls. */
export interface Fixture {
  readonly store: MetadataStore;
  readonly read: (from: ItemKey) => Promise<Attributes | undefined>;
  readonly write: (...writes: Write[]) => Promise<WriteResult>;
  readonly put: (attributes: Attributes, to?: ItemKey) => Promise<WriteResult>;
}

const key: ItemKey = { pk: 'p', sk: 's' };
const other: ItemKey = { pk: 'p', sk: 'other' };

export function metadataStoreContract(
  name: string,
  makeStore: MakeMetadataStore,
  { numRuns = 200 }: ContractOptions = {},
): void {
  describe(`the metadata store ${name}`, () => {
    let store: MetadataStore;
    beforeEach(async () => {
      store = await makeStore();
    });
    afterEach(() => store.close());

    const fixture: Fixture = {
      get store() {
        return store;
      },
      read: (from) => store.get(from, 'strong'),
      write: (...writes) => store.write(writes),
      put: (attributes, to = key) => store.write([{ kind: 'put', key: to, attributes }]),
    };
    itemSuite(fixture, numRuns);
    writeSuite(fixture);
    conditionSuite(fixture);
    transactionSuite(fixture);
    concurrencySuite(fixture);
    faultSuite(fixture);
    sizeSuite(fixture);
    querySuite(fixture, numRuns);
  });
}

function itemSuite(fixture: Fixture, numRuns: number): void {
  const { read, put } = fixture;
  describe('an item', () => {
    test('that is not there is undefined, however it is read', async () => {
      expect(await fixture.store.get(key, 'strong')).toBeUndefined();
      expect(await fixture.store.get(key, 'eventual')).toBeUndefined();
    });

    test('is found under its whole key only', async () => {
      await put({ n: 1 });
      expect(await read({ pk: 'p', sk: 'S' })).toBeUndefined();
      expect(await read({ pk: 'P', sk: 's' })).toBeUndefined();
      expect(await read(key)).toEqual({ n: 1 });
    });

    test('without attributes is there', async () => {
      await put({});
      expect(await read(key)).toEqual({});
    });

    test('comes back as it was written, whatever its values', async () => {
      const property = fc.asyncProperty(anyAttributes, async (attributes) => {
        const stored = withoutNegativeZeros(attributes);
        expect(await put(attributes)).toEqual({ outcome: 'applied', item: stored });
        expect(await read(key)).toEqual(stored);
      });
      await fc.assert(property, { numRuns });
    });

    test('keeps numbers exactly, at the edges of doubles and safe integers too', async () => {
      const list = [0, -1, 0.1, 1 / 3, 1e21, -1.5e-10, 2 ** 53 - 1, -(2 ** 53 - 1), 9.99e125, 1e-130, 2 ** -200];
      await put({ list, zero: -0 });
      expect(await read(key)).toStrictEqual({ list, zero: 0 });
    });

    test('can have any text as its key', async () => {
      const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
      const property = fc.asyncProperty(text, text, async (pk, sk) => {
        await put({ pk2: pk, sk2: sk }, { pk, sk });
        expect(await read({ pk, sk })).toEqual({ pk2: pk, sk2: sk });
        const { items } = await fixture.store.query({ pk, limit: 1_000, consistency: 'strong' });
        expect(items.some((item) => item.key.pk === pk && item.key.sk === sk)).toBe(true);
      });
      await fc.assert(property, { numRuns });
    });
  });
}

function writeSuite(fixture: Fixture): void {
  const { read, write, put } = fixture;
  describe('a write', () => {
    test('put replaces the whole item and returns it', async () => {
      await put({ a: 1, b: 2 });
      expect(await put({ b: 3 })).toEqual({ outcome: 'applied', item: { b: 3 } });
      expect(await read(key)).toEqual({ b: 3 });
    });

    test('update changes what it names, leaves the rest and returns the whole item', async () => {
      await put({ a: 'old', n: 5, list: [1, 2, 3], gone: true, rest: 'x' });
      const changes = {
        set: { a: 'new', map: { deep: [Uint8Array.of(1)] } },
        add: { n: -7, fresh: 4 },
        append: { more: ['a', 'b'] },
        dropFirst: { list: 2 },
        remove: ['gone', 'never'],
      };
      const after = {
        a: 'new',
        map: { deep: [Uint8Array.of(1)] },
        n: -2,
        fresh: 4,
        more: ['a', 'b'],
        list: [3],
        rest: 'x',
      };
      expect(await write({ kind: 'update', key, changes })).toEqual({ outcome: 'applied', item: after });
      expect(await read(key)).toEqual(after);
    });

    test('update appends after what is there and drops a whole list to an empty one', async () => {
      await put({ list: [1], other: [1, 2] });
      await write({ kind: 'update', key, changes: { append: { list: [2, [3]] }, dropFirst: { other: 2 } } });
      expect(await read(key)).toEqual({ list: [1, 2, [3]], other: [] });
    });

    test('update makes an item that is not there, even when it only removes', async () => {
      const made = await write({ kind: 'update', key, changes: { add: { n: 1 } } });
      expect(made).toEqual({ outcome: 'applied', item: { n: 1 } });
      await write({ kind: 'update', key: other, changes: { remove: ['x'] } });
      expect(await read(other)).toEqual({});
    });

    test('delete removes the item, and one that is not there without complaint', async () => {
      await put({ n: 1 });
      expect(await write({ kind: 'delete', key })).toEqual({ outcome: 'applied' });
      expect(await read(key)).toBeUndefined();
      expect(await write({ kind: 'delete', key })).toEqual({ outcome: 'applied' });
    });

    test('check changes nothing, whether it holds or not', async () => {
      await put({ n: 1 });
      const holds = await write({ kind: 'check', key, conditions: [{ clause: 'item-exists' }] });
      expect(holds).toEqual({ outcome: 'applied' });
      const fails = await write({ kind: 'check', key, conditions: [{ clause: 'item-absent' }] });
      expect(fails).toEqual({ outcome: 'refused', index: 0, item: { n: 1 } });
      expect(await read(key)).toEqual({ n: 1 });
    });
  });
}

function conditionSuite(fixture: Fixture): void {
  const { read, write, put } = fixture;
  describe('a condition', () => {
    test.each(CONDITION_CASES)('%s', async (_, condition, holds) => {
      await put(CONDITION_ITEM);
      const result = await write({ kind: 'update', key, conditions: [condition], changes: { set: { done: true } } });
      expect(result).toEqual(
        holds
          ? { outcome: 'applied', item: { ...CONDITION_ITEM, done: true } }
          : { outcome: 'refused', index: 0, item: CONDITION_ITEM },
      );
      expect(await read(key)).toEqual(holds ? { ...CONDITION_ITEM, done: true } : CONDITION_ITEM);
    });

    test.each(CONDITION_CASES)('of an item that is not there: %s', async (_, condition) => {
      const result = await write({ kind: 'put', key, conditions: [condition], attributes: { n: 1 } });
      const holds = condition.clause === 'item-absent' || condition.clause === 'absent';
      expect(result.outcome).toBe(holds ? 'applied' : 'refused');
      expect(result.item).toEqual(holds ? { n: 1 } : undefined);
      expect(await read(key)).toEqual(holds ? { n: 1 } : undefined);
    });

    test('guards puts and deletes as it guards updates', async () => {
      await put({ n: 1 });
      const conditions: Write['conditions'] = [{ clause: 'equals', attribute: 'n', value: 2 }];
      const refused = { outcome: 'refused', index: 0, item: { n: 1 } };
      expect(await write({ kind: 'put', key, attributes: { n: 9 }, conditions })).toEqual(refused);
      expect(await write({ kind: 'delete', key, conditions })).toEqual(refused);
      expect(await read(key)).toEqual({ n: 1 });
    });

    test('holds only together with all others, and the same clause twice is one', async () => {
      await put({ n: 1, t: 'x' });
      const right = { clause: 'equals', attribute: 'n', value: 1 } as const;
      const wrong = { clause: 'equals', attribute: 't', value: 'y' } as const;
      expect(await write({ kind: 'check', key, conditions: [right, right] })).toEqual({ outcome: 'applied' });
      const changes = { add: { n: 1 } };
      expect(await write({ kind: 'update', key, changes, conditions: [right, wrong] })).toMatchObject({
        outcome: 'refused',
      });
      expect(await read(key)).toEqual({ n: 1, t: 'x' });
    });
  });
}

function transactionSuite(fixture: Fixture): void {
  const { read, write, put } = fixture;
  describe('a transaction', () => {
    test('applies all of its writes', async () => {
      await put({ n: 1 });
      await put({ gone: true }, other);
      const result = await write(
        { kind: 'update', key, changes: { add: { n: 1 } } },
        { kind: 'delete', key: other },
        { kind: 'put', key: { pk: 'q', sk: 'new' }, attributes: { made: true } },
        { kind: 'check', key: { pk: 'q', sk: 'never' }, conditions: [{ clause: 'item-absent' }] },
      );
      expect(result).toEqual({ outcome: 'applied' });
      expect(await read(key)).toEqual({ n: 2 });
      expect(await read(other)).toBeUndefined();
      expect(await read({ pk: 'q', sk: 'new' })).toEqual({ made: true });
    });

    test('applies none of its writes where one is refused, and says the first one that was', async () => {
      await put({ n: 1 });
      await put({ n: 5 }, other);
      const result = await write(
        { kind: 'update', key, changes: { add: { n: 1 } } },
        { kind: 'put', key: { pk: 'q', sk: 'new' }, attributes: {} },
        {
          kind: 'update',
          key: other,
          changes: { add: { n: 1 } },
          conditions: [{ clause: 'absent', attribute: 'n' }],
        },
        { kind: 'check', key: { pk: 'q', sk: 'never' }, conditions: [{ clause: 'item-exists' }] },
      );
      expect(result).toEqual({ outcome: 'refused', index: 2, item: { n: 5 } });
      expect(await read(key)).toEqual({ n: 1 });
      expect(await read(other)).toEqual({ n: 5 });
      expect(await read({ pk: 'q', sk: 'new' })).toBeUndefined();
    });

    test('says that the item of the refused write is not there', async () => {
      const result = await write(
        { kind: 'put', key, attributes: {} },
        { kind: 'check', key: other, conditions: [{ clause: 'item-exists' }] },
      );
      expect(result).toEqual({ outcome: 'refused', index: 1, item: undefined });
      expect(await read(key)).toBeUndefined();
    });

    test('of a hundred items is applied, and of one more refused by the name of the limit', async () => {
      const writes = (count: number): Write[] =>
        Array.from({ length: count }, (_, index) => ({
          kind: 'put',
          key: { pk: `p${index % 7}`, sk: `${index}` },
          attributes: { index },
        }));
      expect(await fixture.store.write(writes(100))).toEqual({ outcome: 'applied' });
      expect(await read({ pk: 'p1', sk: '99' })).toEqual({ index: 99 });
      await expect(fixture.store.write(writes(101))).rejects.toMatchObject({
        code: 'POLICY_VIOLATION',
        message: expect.stringContaining('transactionItemsMax'),
      });
    });
  });
}

function concurrencySuite(fixture: Fixture): void {
  const { read, write, put } = fixture;
  describe('writers at the same time', () => {
    test('lose no unconditional addition', async () => {
      await Promise.all(Array.from({ length: 40 }, () => write({ kind: 'update', key, changes: { add: { n: 1 } } })));
      expect(await read(key)).toEqual({ n: 40 });
    });

    test('lose no addition that is conditional on what was read', async () => {
      await put({ n: 0 });
      const increment = async () => {
        let item = await read(key);
        for (;;) {
          const n = item?.n as number;
          const result = await write({
            kind: 'update',
            key,
            changes: { set: { n: n + 1 } },
            conditions: [{ clause: 'equals', attribute: 'n', value: n }],
          });
          if (result.outcome === 'applied') return;
          item = result.item;
        }
      };
      await Promise.all(Array.from({ length: 15 }, increment));
      expect(await read(key)).toEqual({ n: 15 });
    });

    test('of two items at once never leave them apart', async () => {
      await Promise.all(
        Array.from({ length: 15 }, () =>
          write(
            { kind: 'update', key, changes: { add: { n: 1 } } },
            { kind: 'update', key: other, changes: { add: { n: 1 } } },
          ),
        ),
      );
      expect(await read(key)).toEqual({ n: 15 });
      expect(await read(other)).toEqual({ n: 15 });
    });
  });
}

function faultSuite(fixture: Fixture): void {
  const { read, write, put } = fixture;
  describe('a fault', () => {
    const misfits: [string, Write][] = [
      ['an addition to a text', { kind: 'update', key, changes: { add: { t: 1 } } }],
      ['elements for a text', { kind: 'update', key, changes: { append: { t: [1] } } }],
      ['dropping elements of a list that is missing', { kind: 'update', key, changes: { dropFirst: { x: 1 } } }],
    ];
    test.each(misfits)('leaves everything as it was: %s', async (_, misfit) => {
      await put({ t: 'x' });
      const fault = { code: 'UNKNOWN_SERVER_ERROR', effect: 'none' };
      await expect(write(misfit)).rejects.toMatchObject(fault);
      await expect(write({ kind: 'put', key: other, attributes: {} }, misfit)).rejects.toMatchObject(fault);
      expect(await read(key)).toEqual({ t: 'x' });
      expect(await read(other)).toBeUndefined();
    });

    test('refuses values that can not be stored', async () => {
      const fault = { code: 'INVALID_REQUEST', effect: 'none' };
      await expect(put({ n: Number.NaN })).rejects.toMatchObject(fault);
      await expect(put({ n: 1e126 })).rejects.toMatchObject(fault);
      await expect(put({ t: '\ud800' })).rejects.toMatchObject(fault);
      expect(await read(key)).toBeUndefined();
    });

    test('refuses an expression beyond what DynamoDB takes, and takes one just within', async () => {
      // Of n equalities come n comparisons and n - 1 ANDs.
      const equalities = (count: number): Write['conditions'] =>
        Array.from({ length: count }, (_, index) => ({ clause: 'equals', attribute: `a${index}`, value: 1 }));
      const changes = { set: { n: 1 } };
      const within = await write({ kind: 'update', key, changes, conditions: equalities(150) });
      expect(within).toEqual({ outcome: 'refused', index: 0, item: undefined });
      await expect(write({ kind: 'update', key, changes, conditions: equalities(151) })).rejects.toMatchObject({
        code: 'POLICY_VIOLATION',
        message: expect.stringContaining('expressionOperatorsMax'),
      });
    });
  });
}

function sizeSuite(fixture: Fixture): void {
  const { read, write, put } = fixture;
  describe('an item of 400 KB', () => {
    // The names pk, sk and a; the values of pk and sk.
    const bytesBeside = 'pk'.length + key.pk.length + 'sk'.length + key.sk.length + 'a'.length;
    const largest = storageLimits.itemBytesMax - bytesBeside;
    const tooLarge = { code: 'POLICY_VIOLATION', effect: 'none', message: expect.stringContaining('itemBytesMax') };

    test('is stored, and one of a byte more refused by the name of the limit', async () => {
      const a = new Uint8Array(largest).fill(7);
      await put({ a });
      expect(await read(key)).toEqual({ a });
      await expect(put({ a: new Uint8Array(largest + 1) })).rejects.toMatchObject(tooLarge);
      expect(await read(key)).toEqual({ a });
    });

    test('is not passed by an update, in a transaction either', async () => {
      const item = { a: new Uint8Array(largest - 4) };
      await put(item);
      const update: Write = { kind: 'update', key, changes: { set: { b: 'four' } } };
      await expect(write(update)).rejects.toMatchObject(tooLarge);
      await expect(write(update, { kind: 'put', key: other, attributes: {} })).rejects.toMatchObject(tooLarge);
      expect(await read(key)).toEqual(item);
      expect(await read(other)).toBeUndefined();
      const fits: Write = { kind: 'update', key, changes: { set: { b: '3by' } } };
      expect(await write(fits)).toMatchObject({ outcome: 'applied' });
    });
  });
}
