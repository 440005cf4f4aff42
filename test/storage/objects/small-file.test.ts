import {
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { openDirectoryObjectStore } from '../../../lib/storage/objects/directory.ts';
import { readSmallRange, writeSmallFile } from '../../../lib/storage/objects/small-file.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => index % 251);

describe('writing', () => {
  test('joins the chunks, in directories that it makes', () => {
    const path = join(root, 'a/b/c');
    writeSmallFile({ temporary: join(root, 't'), path }, [bytes(3), new Uint8Array(), bytes(2)]);
    expect([...readFileSync(path)]).toEqual([0, 1, 2, 0, 1]);
    expect(existsSync(join(root, 't'))).toBe(false);
  });

  test('leaves nothing where it fails', () => {
    writeFileSync(join(root, 'file'), '');
    const write = () => writeSmallFile({ temporary: join(root, 't'), path: join(root, 'file/x') }, [bytes(3)]);
    expect(write).toThrow('ENOTDIR');
    expect(readdirSync(root)).toEqual(['file']);
  });

  test('does not write over a temporary file of somebody else', () => {
    writeFileSync(join(root, 't'), 'theirs');
    expect(() => writeSmallFile({ temporary: join(root, 't'), path: join(root, 'x') }, [bytes(3)])).toThrow('EEXIST');
    expect(readFileSync(join(root, 't'), 'utf8')).toBe('theirs');
  });
});

describe('reading', () => {
  test.each([
    [0, 4, [0, 1, 2, 3]],
    [2, 3, [2]],
    [2, 100, [2, 3]],
    [4, 5, []],
    [9, 12, []],
  ])('gives what there is from %i to %i', (start, end, expected) => {
    writeFileSync(join(root, 'x'), bytes(4));
    expect([...readSmallRange(join(root, 'x'), constants.O_RDONLY, { start, end })]).toEqual(expected);
  });

  test('of what is no file throws what the file system says', () => {
    mkdirSync(join(root, 'directory'));
    const read = (name: string) => () => readSmallRange(join(root, name), constants.O_RDONLY, { start: 0, end: 1 });
    expect(read('missing')).toThrow('ENOENT');
    expect(read('directory')).toThrow('EISDIR');
  });
});

describe.each([
  ['as small as can be', 0],
  ['of the size that is written at once', storageLimits.smallFileBytesMax],
  ['larger than that', storageLimits.smallFileBytesMax + 1],
])('an object %s', (_, length) => {
  test.each([true, false])('is there as it was put, with fsync: %s', async (fsync) => {
    const store = await openDirectoryObjectStore({ root, fsync });
    const object = bytes(length);
    await store.put('a/b', [object.subarray(0, 10), object.subarray(10)]);
    expect(await store.getRange('a/b')).toEqual(object);
    expect(await store.getRange('a/b', { start: 0, end: length + 1 })).toEqual(object);
    expect(await store.getRange('a/b', { start: 3, end: 8 })).toEqual(object.subarray(3, 8));
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  });

  test('that cannot be put leaves no temporary file', async () => {
    const store = await openDirectoryObjectStore({ root });
    await store.put('a', [bytes(1)]);
    await expect(store.put('a/b', [bytes(length)])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  });
});
