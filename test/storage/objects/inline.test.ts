import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { INLINE } from '../../support/inline-names.ts';

const bytes = Uint8Array.of(1, 2, 3);
const name = INLINE.name(0);
const slept: number[] = [];
const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: async (ms) => void slept.push(ms),
};
let metadata: MetadataStore;

beforeEach(() => {
  slept.length = 0;
  metadata = openSqliteMetadataStore({ path: ':memory:' });
});

/** The store with some of its functions replaced. */
function over(replaced: Partial<MetadataStore>): MetadataStore {
  return {
    get: (...args) => metadata.get(...args),
    query: (...args) => metadata.query(...args),
    write: (...args) => metadata.write(...args),
    close: () => metadata.close(),
    ...replaced,
  };
}

const lost = () => new MillraceError('KAFKA_STORAGE_ERROR', 'no answer', { effect: 'unknown' });

describe('a put', () => {
  test('whose answer is lost is done again, and finds its own bytes', async () => {
    let attempts = 0;
    const flaky = over({
      write: async (writes) => {
        const result = await metadata.write(writes);
        if (++attempts === 1) throw lost();
        return result;
      },
    });
    const store = createInlineObjectStore({ metadata: flaky, clock });
    await store.put(name, [bytes]);
    expect(attempts).toBe(2);
    expect(slept).toHaveLength(1);
    expect(await store.getRange(name)).toEqual(bytes);
  });

  test('whose answers are all lost ends with the fault', async () => {
    let attempts = 0;
    const dead = over({
      write: async () => {
        attempts++;
        throw lost();
      },
    });
    const store = createInlineObjectStore({ metadata: dead, clock });
    await expect(store.put(name, [bytes])).rejects.toMatchObject({ effect: 'unknown' });
    expect(attempts).toBe(3);
  });

  test('is made again after pauses with jitter', async () => {
    const dead = over({
      write: async () => {
        throw lost();
      },
    });
    const store = createInlineObjectStore({ metadata: dead, clock, random: { fraction: () => 0.25 } });
    await expect(store.put(name, [bytes])).rejects.toMatchObject({ effect: 'unknown' });
    expect(slept).toEqual([2, 4].map((factor) => storageLimits.storageRetryPauseMsMin * factor * 0.25));
  });

  test('that certainly had no effect is not done again', async () => {
    let attempts = 0;
    const throttled = over({
      write: async () => {
        attempts++;
        throw new MillraceError('THROTTLING_QUOTA_EXCEEDED', 'slow down');
      },
    });
    const store = createInlineObjectStore({ metadata: throttled, clock });
    await expect(store.put(name, [bytes])).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    expect(attempts).toBe(1);
  });

  test('of other bytes under a name that is taken is refused', async () => {
    const store = createInlineObjectStore({ metadata, clock });
    await store.put(name, [bytes]);
    await expect(store.put(name, [Uint8Array.of(9)])).rejects.toThrow('is there with other bytes');
    expect(await store.getRange(name)).toEqual(bytes);
  });

  test('beyond the size of an item is refused by the name of the limit', async () => {
    const store = createInlineObjectStore({ metadata, clock });
    await expect(store.put(name, [new Uint8Array(400 * 1024)])).rejects.toThrow('itemBytesMax');
  });
});

test('a read that finds nothing at first is strongly consistent', async () => {
  const asked: string[] = [];
  const stale = over({
    get: async (key, consistency) => {
      asked.push(consistency);
      return consistency === 'eventual' ? undefined : metadata.get(key, consistency);
    },
  });
  const store = createInlineObjectStore({ metadata: stale, clock });
  await store.put(name, [bytes]);
  expect(await store.getRange(name)).toEqual(bytes);
  expect(asked).toEqual(['eventual', 'strong']);
});

describe('a list', () => {
  test('asks for every shard of the hour once when they hold little', async () => {
    const asked: string[] = [];
    const counted = over({
      query: async (query) => {
        asked.push(query.pk);
        return metadata.query(query);
      },
    });
    const store = createInlineObjectStore({ metadata: counted, clock });
    for (let index = 0; index < 20; index++) await store.put(INLINE.name(index), [bytes]);
    const { objects, next } = await store.list(INLINE.prefix);
    expect(objects).toHaveLength(20);
    expect(next).toBeUndefined();
    expect(asked).toHaveLength(8);
    expect(new Set(asked)).toHaveProperty('size', 8);
  });

  test.each(['', 'inline/', 'inline/49', 'inline/490000', 'inline/x/', 'inline/490000/zz'])(
    'of %j is refused, since it is not bounded in time',
    async (prefix) => {
      const store = createInlineObjectStore({ metadata, clock });
      await expect(store.list(prefix)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    },
  );
});
