/**
 * The contract of `ObjectStore` (lib/storage/objects/port.ts), as a suite that runs over every adapter. Each test gets
 * an empty store of its own.
 */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import type { ListPage, ObjectName, ObjectStore } from '../../lib/storage/objects/port.ts';

interface ObjectStoreUnderTest {
  store: ObjectStore;
  close?(): Promise<void>;
}

export interface ObjectContractOptions {
  /** Opens a store without objects. */
  makeStore: () => Promise<ObjectStoreUnderTest>;
  /** All names begin with it, and `list` takes it. Ends with a slash. */
  prefix: string;
  /** The n-th name; all are different. */
  name: (index: number) => ObjectName;
  /** The largest object that the suite stores. */
  objectBytesMax: number;
  /** The size of an object that the suite uploads in pieces. */
  uploadBytes: number;
  /** Whether the store moves objects to other classes of storage, or agrees to. */
  archives: boolean;
  /** How many objects the suite lists at once. */
  manyObjects: number;
  /** Whether the store gives out URLs. */
  presigns: boolean;
}

const MIB = 1024 * 1024;

export function objectStoreContract(title: string, options: ObjectContractOptions): void {
  const { makeStore, prefix, name, objectBytesMax, uploadBytes, archives, manyObjects, presigns } = options;
  describe(`the object store ${title}`, () => {
    let opened: ObjectStoreUnderTest;
    let store: ObjectStore;
    beforeEach(async () => {
      opened = await makeStore();
      store = opened.store;
    });
    afterEach(() => opened.close?.());

    const digits = Uint8Array.from({ length: 10 }, (_, index) => index);

    describe('an object', () => {
      test('that is not there is undefined, however it is read', async () => {
        expect(await store.getRange(name(0))).toBeUndefined();
        expect(await store.getRange(name(0), { start: 0, end: 5 })).toBeUndefined();
        expect(await store.getRange(name(0), { start: 3, end: 3 })).toBeUndefined();
        expect(await store.getTail(name(0), 5)).toBeUndefined();
      });

      test('is its chunks one after the other', async () => {
        await store.put(name(0), [digits.subarray(0, 3), new Uint8Array(0), digits.subarray(3, 4), digits.subarray(4)]);
        expect(await store.getRange(name(0))).toEqual(digits);
      });

      test('can be empty', async () => {
        await store.put(name(0), []);
        await store.put(name(1), [new Uint8Array(0)]);
        for (const empty of [name(0), name(1)]) {
          expect(await store.getRange(empty)).toEqual(new Uint8Array(0));
          expect(await store.getRange(empty, { start: 0, end: 5 })).toEqual(new Uint8Array(0));
          expect(await store.getTail(empty, 5)).toEqual({ bytes: new Uint8Array(0), objectBytes: 0 });
        }
      });

      test('comes back whole at its largest', async () => {
        const bytes = new Uint8Array(objectBytesMax).map((_, index) => (index * 2_654_435_761) >>> 24);
        const chunks = [
          bytes.subarray(0, 7),
          bytes.subarray(7, objectBytesMax / 2),
          bytes.subarray(objectBytesMax / 2),
        ];
        await store.put(name(0), chunks);
        const whole = await store.getRange(name(0));
        expect(Buffer.compare(whole ?? digits, bytes)).toBe(0);
        const tail = await store.getTail(name(0), 1000);
        expect(tail?.objectBytes).toBe(objectBytesMax);
        expect(Buffer.compare(tail?.bytes ?? digits, bytes.subarray(-1000))).toBe(0);
      });

      test('of very many chunks is stored whole', async () => {
        const chunks = Array.from({ length: 3_000 }, (_, index) => Uint8Array.of(index & 0xff));
        await store.put(name(0), chunks);
        expect(await store.getRange(name(0))).toEqual(Uint8Array.from({ length: 3_000 }, (_, index) => index & 0xff));
      });

      test('is not changed by what happens to the bytes that were put or read', async () => {
        const mine = digits.slice();
        await store.put(name(0), [mine]);
        mine.fill(99);
        (await store.getRange(name(0)))?.fill(99);
        expect(await store.getRange(name(0))).toEqual(digits);
      });

      test('may be put again with the same bytes', async () => {
        await store.put(name(0), [digits]);
        await store.put(name(0), [digits.subarray(0, 5), digits.subarray(5)]);
        expect(await store.getRange(name(0))).toEqual(digits);
        const { objects } = await store.list(prefix);
        expect(objects).toEqual([{ name: name(0), bytes: 10 }]);
      });

      test('is whole or not there for a reader while it is put', async () => {
        const bytes = new Uint8Array(objectBytesMax).fill(7);
        const state = { writing: true };
        const writing = Promise.all([0, 1, 2].map(() => store.put(name(0), [bytes])));
        const ended = writing.finally(() => {
          state.writing = false;
        });
        const lengths = new Set<number>();
        while (state.writing) lengths.add((await store.getRange(name(0)))?.length ?? -1);
        await ended;
        lengths.add((await store.getRange(name(0)))?.length ?? -1);
        lengths.delete(-1);
        expect([...lengths]).toEqual([objectBytesMax]);
      });
    });

    describe('an upload', () => {
      const bytes = new Uint8Array(uploadBytes).map((_, index) => (index * 2_654_435_761) >>> 24);
      const half = Math.floor(uploadBytes / 2);

      test('is an object once it is finished, and nothing before', async () => {
        const upload = store.upload(name(0));
        for (let start = 0; start < bytes.length; start += 1_000_003) {
          await upload.write([bytes.subarray(start, start + 7), bytes.subarray(start + 7, start + 1_000_003)]);
        }
        expect(await store.getRange(name(0), { start: 0, end: 1 })).toBeUndefined();
        expect((await store.list(prefix)).objects).toEqual([]);
        await upload.finish();
        expect(Buffer.compare((await store.getRange(name(0))) ?? digits, bytes)).toBe(0);
        expect((await store.list(prefix)).objects).toEqual([{ name: name(0), bytes: uploadBytes }]);
      });

      test('of few bytes, or none, is an object like any other', async () => {
        const upload = store.upload(name(0));
        await upload.write([digits.subarray(0, 3), new Uint8Array(0)]);
        await upload.write([]);
        await upload.write([digits.subarray(3)]);
        await upload.finish();
        await store.upload(name(1)).finish();
        expect(await store.getRange(name(0))).toEqual(digits);
        expect(await store.getTail(name(1), 5)).toEqual({ bytes: new Uint8Array(0), objectBytes: 0 });
      });

      test('is not changed by what happens to bytes that it has taken', async () => {
        const upload = store.upload(name(0));
        const mine = digits.slice();
        await upload.write([mine]);
        mine.fill(99);
        await upload.finish();
        expect(await store.getRange(name(0))).toEqual(digits);
      });

      test('that is aborted leaves nothing, wherever it was', async () => {
        await store.upload(name(0)).abort();
        for (const length of [1, half, uploadBytes]) {
          const upload = store.upload(name(0));
          await upload.write([bytes.subarray(0, length)]);
          await upload.abort();
          await upload.abort();
        }
        const writing = store.upload(name(0));
        const written = writing.write([bytes]);
        await writing.abort();
        await written;
        expect(await store.getRange(name(0))).toBeUndefined();
        expect((await store.list(prefix)).objects).toEqual([]);
      });

      test('that has ended takes nothing more, and cannot be undone', async () => {
        const upload = store.upload(name(0));
        await upload.write([digits]);
        await upload.finish();
        await upload.abort();
        await expect(upload.write([digits])).rejects.toThrow('none after its end');
        await expect(upload.finish()).rejects.toThrow('none after its end');
        expect(await store.getRange(name(0))).toEqual(digits);
      });

      test('whose process dies is nowhere to be seen, and in nobody’s way', async () => {
        await store.upload(name(0)).write([bytes.subarray(0, half)]);
        expect((await store.list(prefix)).objects).toEqual([]);
        await store.put(name(0), [digits]);
        expect(await store.getRange(name(0))).toEqual(digits);
      });

      test('of a name that is uploaded twice at once is whole for every reader', async () => {
        const uploads = [store.upload(name(0)), store.upload(name(0)), store.upload(name(0))];
        await Promise.all(uploads.map((upload) => upload.write([bytes.subarray(0, half)])));
        await uploads[2]?.abort();
        await uploads[0]?.write([bytes.subarray(half)]);
        await uploads[0]?.finish();
        expect((await store.getTail(name(0), 1))?.objectBytes).toBe(uploadBytes);
        await uploads[1]?.write([bytes.subarray(half)]);
        await uploads[1]?.finish();
        expect(Buffer.compare((await store.getRange(name(0))) ?? digits, bytes)).toBe(0);
        expect((await store.list(prefix)).objects).toEqual([{ name: name(0), bytes: uploadBytes }]);
      });
    });

    describe('archiving', () => {
      test.runIf(archives)('leaves the bytes of an object as they are, and may be repeated', async () => {
        expect(await store.archive(name(0), 'STANDARD_IA')).toBe('missing');
        await store.put(name(0), [digits]);
        for (let time = 0; time < 2; time++) expect(await store.archive(name(0), 'STANDARD_IA')).toBe('archived');
        expect(await store.getRange(name(0), { start: 2, end: 5 })).toEqual(digits.subarray(2, 5));
        expect((await store.list(prefix)).objects).toEqual([{ name: name(0), bytes: 10 }]);
      });

      test.skipIf(archives)('is said to be impossible', async () => {
        await store.put(name(0), [digits]);
        expect(await store.archive(name(0), 'STANDARD_IA')).toBe('unsupported');
        expect(await store.getRange(name(0))).toEqual(digits);
      });
    });

    describe('a range', () => {
      test('is exactly the bytes asked for, cut at the end of the object', async () => {
        await store.put(name(0), [digits]);
        const offset = fc.nat({ max: 14 });
        const property = fc.asyncProperty(offset, offset, async (a, b) => {
          const [start, end] = [Math.min(a, b), Math.max(a, b)];
          expect(await store.getRange(name(0), { start, end })).toEqual(digits.slice(start, end));
        });
        await fc.assert(property, { numRuns: 60 });
      });

      test('of the tail says how large the object is', async () => {
        await store.put(name(0), [digits]);
        expect(await store.getTail(name(0), 3)).toEqual({ bytes: digits.subarray(7), objectBytes: 10 });
        expect(await store.getTail(name(0), 10)).toEqual({ bytes: digits, objectBytes: 10 });
        expect(await store.getTail(name(0), 11)).toEqual({ bytes: digits, objectBytes: 10 });
      });

      test('that is none is refused', async () => {
        await store.put(name(0), [digits]);
        for (const range of [
          { start: -1, end: 3 },
          { start: 3, end: 2 },
          { start: 0.5, end: 2 },
          { start: 0, end: Number.NaN },
        ]) {
          await expect(store.getRange(name(0), range)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
        }
      });
    });

    describe('deleting', () => {
      test('removes the objects, and ignores those that are not there', async () => {
        for (const index of [0, 1, 2]) await store.put(name(index), [digits]);
        await store.delete([name(0), name(5), name(2)]);
        await store.delete([name(0)]);
        await store.delete([]);
        expect(await store.getRange(name(0))).toBeUndefined();
        expect(await store.getRange(name(1))).toEqual(digits);
        expect((await store.list(prefix)).objects).toEqual([{ name: name(1), bytes: 10 }]);
      });

      test('and putting at the same time disturb no other object', async () => {
        const rounds = Array.from({ length: 20 }, (_, index) => index);
        await Promise.all(
          rounds.map(async (index) => {
            await store.put(name(index), [digits]);
            if (index % 2 === 0) await store.delete([name(index)]);
          }),
        );
        for (const index of rounds) {
          expect(await store.getRange(name(index))).toEqual(index % 2 === 0 ? undefined : digits);
        }
      });
    });

    describe('a list', () => {
      /** Bounded, so that a cursor that does not advance is found. */
      const listAll = async (wanted: string): Promise<ListPage['objects']> => {
        const found: ListPage['objects'] = [];
        let cursor: string | undefined;
        for (let pages = 0; pages < 100; pages++) {
          const { objects, next } = await store.list(wanted, cursor);
          found.push(...objects);
          if (next === undefined) return found.sort((a, b) => (a.name < b.name ? -1 : 1));
          cursor = next;
        }
        throw new Error('a list does not come to its end');
      };

      test('of nothing is empty', async () => {
        expect(await listAll(prefix)).toEqual([]);
      });

      test('names every object once with its size, over as many pages as it takes', async () => {
        const all = Array.from({ length: manyObjects }, (_, index) => ({ name: name(index), bytes: index % 4 }));
        for (let start = 0; start < all.length; start += 50) {
          const batch = all.slice(start, start + 50);
          await Promise.all(batch.map((object) => store.put(object.name, [new Uint8Array(object.bytes)])));
        }
        await store.put(name(manyObjects), [digits]);
        await store.delete([name(manyObjects)]);
        const found = await listAll(prefix);
        expect(found).toEqual(all.sort((a, b) => (a.name < b.name ? -1 : 1)));
      });

      test('has no object of another prefix', async () => {
        await store.put(name(0), [digits]);
        const another = prefix.replace(/\d+/, (number) => `${Number(number) + 1}`);
        expect(another).not.toBe(prefix);
        expect(await listAll(another)).toEqual([]);
      });

      test('takes a prefix that ends inside a segment', async () => {
        await store.put(name(0), [digits]);
        await store.put(name(1), [digits]);
        const inside = name(0).slice(0, prefix.length + 2);
        const expected = [name(0), name(1)].filter((full) => full.startsWith(inside)).length;
        expect(await listAll(inside)).toHaveLength(expected);
        expect(await listAll(name(1))).toEqual([{ name: name(1), bytes: 10 }]);
      });
    });

    describe('a name', () => {
      const bad = [
        '',
        '/',
        'a/',
        '/a',
        'a//b',
        '..',
        'a/../b',
        '../a',
        './a',
        'a/.b',
        '.tmp/0',
        'A',
        'a b',
        'é',
        'a\0',
        'a\\b',
      ];
      test.each(bad)('%j is refused', async (text) => {
        const fault = { code: 'INVALID_REQUEST', effect: 'none' };
        await expect(store.put(text, [digits])).rejects.toMatchObject(fault);
        await expect(store.getRange(text)).rejects.toMatchObject(fault);
        await expect(store.getTail(text, 1)).rejects.toMatchObject(fault);
        await expect(store.delete([text])).rejects.toMatchObject(fault);
        await expect(store.archive(text, 'STANDARD_IA')).rejects.toMatchObject(fault);
        expect(() => store.upload(text)).toThrow(expect.objectContaining(fault));
      });
    });

    test.runIf(presigns)('gives out a URL with the range among its headers', async () => {
      await store.put(name(0), [digits]);
      const { url, headers, expiresAtMs } = await store.presign(name(0), { start: 2, end: 5 }, 60_000);
      expect(url).toContain(name(0));
      expect(headers).toEqual({ range: 'bytes=2-4' });
      expect(expiresAtMs).toBeGreaterThan(0);
    });

    test.skipIf(presigns)('says that it gives out no URLs', async () => {
      const presigning = store.presign(name(0), { start: 2, end: 5 }, 60_000);
      await expect(presigning).rejects.toMatchObject({ message: expect.stringContaining('no URL') });
    });
  });
}

/** Options for stores of large objects under any name. */
export const SEGMENTS = {
  prefix: 'segments/490000/',
  name: (index: number): ObjectName => `segments/490000/${index.toString().padStart(6, '0')}-x.seg`,
  objectBytesMax: 9 * MIB,
  uploadBytes: 2 * storageLimits.uploadPartBytes + 12_345,
  archives: true,
  manyObjects: 2_100,
  presigns: true,
};
