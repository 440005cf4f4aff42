import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDirectoryObjectStore } from '../../../lib/storage/objects/directory.ts';

const bytes = Uint8Array.of(1, 2, 3);
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('opening', () => {
  test('makes the root, and finds the objects of the last time', async () => {
    const nested = join(root, 'a/b');
    await (await openDirectoryObjectStore({ root: nested })).put('x/y', [bytes]);
    const again = await openDirectoryObjectStore({ root: nested });
    expect(await again.getRange('x/y')).toEqual(bytes);
  });

  test('deletes the temporary files that a crash left', async () => {
    mkdirSync(join(root, '.tmp'));
    writeFileSync(join(root, '.tmp/7'), 'half an obj');
    const store = await openDirectoryObjectStore({ root });
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
    expect((await store.list('')).objects).toEqual([]);
  });

  test('deletes what an upload wrote whose process died', async () => {
    await (await openDirectoryObjectStore({ root })).upload('a').write([bytes]);
    expect(readdirSync(join(root, '.tmp'))).toHaveLength(1);
    const store = await openDirectoryObjectStore({ root });
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
    expect((await store.list('')).objects).toEqual([]);
  });

  test('where a file is in the way says so', async () => {
    writeFileSync(join(root, 'file'), '');
    const opening = openDirectoryObjectStore({ root: join(root, 'file') });
    await expect(opening).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});

describe('the files', () => {
  test('are those of the names, and no temporary one is left', async () => {
    const store = await openDirectoryObjectStore({ root });
    await store.put('segments/1/a.seg', [bytes]);
    expect(existsSync(join(root, 'segments/1/a.seg'))).toBe(true);
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  });

  test('leave no empty directory behind when they are deleted', async () => {
    const store = await openDirectoryObjectStore({ root });
    await store.put('segments/1/a', [bytes]);
    await store.put('segments/2/a', [bytes]);
    await store.delete(['segments/1/a']);
    expect(readdirSync(join(root, 'segments'))).toEqual(['2']);
    await store.delete(['segments/2/a']);
    expect(readdirSync(root)).toEqual(['.tmp']);
    await store.put('segments/1/a', [bytes]);
    expect(await store.getRange('segments/1/a')).toEqual(bytes);
  });

  test('that are links are not followed', async () => {
    const store = await openDirectoryObjectStore({ root });
    writeFileSync(join(root, '.secret'), 'secret');
    symlinkSync(join(root, '.secret'), join(root, 'link'));
    await expect(store.getRange('link')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect((await store.list('')).objects).toEqual([]);
  });

  test('of something else are no objects', async () => {
    const store = await openDirectoryObjectStore({ root });
    writeFileSync(join(root, '.DS_Store'), '');
    writeFileSync(join(root, 'Read me.txt'), '');
    expect((await store.list('')).objects).toEqual([]);
  });
});

test('a put that fails leaves no object and no temporary file', async () => {
  const store = await openDirectoryObjectStore({ root });
  await store.put('a', [bytes]);
  // The name needs a directory where an object is.
  await expect(store.put('a/b', [bytes])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  expect(await store.getRange('a/b')).toBeUndefined();
  expect(await store.getRange('a')).toEqual(bytes);
});

test('an upload that is aborted, or fails, leaves no temporary file', async () => {
  const store = await openDirectoryObjectStore({ root });
  await store.put('a', [bytes]);
  const aborted = store.upload('b');
  await aborted.write([bytes]);
  await aborted.abort();
  const failing = store.upload('a/b');
  await failing.write([bytes]);
  await expect(failing.finish()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  expect((await store.list('')).objects).toEqual([{ name: 'a', bytes: 3 }]);
});

test('a store without a presigner gives out no URLs', async () => {
  const store = await openDirectoryObjectStore({ root });
  await expect(store.presign('a', { start: 0, end: 1 }, 1_000)).rejects.toThrow('no URLs');
});

test('a list goes through the names in order, over pages', async () => {
  const store = await openDirectoryObjectStore({ root });
  const names = ['a-', 'a.b', 'a/b', 'a/b-c', 'a0', 'b/a/c', 'b/a-', 'b/a.x/y'];
  for (const name of names) await store.put(name, [bytes]);
  const sorted = names.toSorted();
  expect((await store.list('')).objects.map(({ name }) => name)).toEqual(sorted);
  for (const [index, cursor] of sorted.entries()) {
    const { objects } = await store.list('', cursor);
    expect(objects.map(({ name }) => name)).toEqual(sorted.slice(index + 1));
  }
});
