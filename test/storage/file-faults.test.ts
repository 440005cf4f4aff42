/** Faults of the file system, each really brought about. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileFault } from '../../lib/storage/faults.ts';
import { openDirectoryObjectStore } from '../../lib/storage/objects/directory.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-faults-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const NAME = 'segments/a';
const NOBODY = 65_534;

/** What opening the store in a process of its own, and then `code` with it, prints. */
function inProcess(code: string, { openFilesMax = 1_024 } = {}): string {
  const store = pathToFileURL(join(import.meta.dirname, '../../lib/storage/objects/directory.ts')).href;
  const program = `
    import fs from 'node:fs';
    import { openDirectoryObjectStore } from ${JSON.stringify(store)};
    const say = (error) => console.log(error.code + ': ' + error.message);
    try {
      const store = await openDirectoryObjectStore({ root: ${JSON.stringify(join(root, 'objects'))} });
      ${code}
    } catch (error) { say(error); }`;
  const command = [
    '-c',
    `ulimit -n ${openFilesMax}; exec "$0" "$@"`,
    process.execPath,
    '--input-type=module',
    '-e',
    program,
  ];
  // Root may write anywhere.
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const { stdout, stderr } = spawnSync('/bin/sh', command, { encoding: 'utf8', ...user });
  expect(stderr).toBe('');
  return stdout.trim();
}

test('a directory that vanished', async () => {
  const store = await openDirectoryObjectStore({ root: join(root, 'objects') });
  await store.put(NAME, [Buffer.from('x')]);
  await rm(root, { recursive: true });
  await expect(store.put(NAME, [Buffer.from('x')])).rejects.toMatchObject({
    code: 'KAFKA_STORAGE_ERROR',
    message: 'Writing an object failed: its directory is gone.',
  });
  // What it held is not known to be missing.
  await expect(store.getRange(NAME)).rejects.toMatchObject({
    code: 'KAFKA_STORAGE_ERROR',
    message: 'Reading an object failed: its directory is gone.',
  });
});

test('a directory that is a file', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(openDirectoryObjectStore({ root: join(root, 'file/objects') })).rejects.toMatchObject({
    message: expect.stringMatching(/^Opening the object directory .* failed: a part of its path is no directory\.$/),
  });
});

test('a directory that may not be written', async () => {
  await chmod(root, 0o555);
  expect(inProcess('')).toMatch(/^KAFKA_STORAGE_ERROR: Opening the object directory .* failed: permission denied\.$/);
});

test('too many open files', async () => {
  await chmod(root, 0o777);
  const code = `
    const open = [];
    try { for (;;) open.push(fs.openSync('/dev/null')); } catch {}
    await store.put('${NAME}', [Buffer.from('x')]).catch(say);
    for (const file of open) fs.closeSync(file);
    await store.put('${NAME}', [Buffer.from('x')]);
    console.log(String(await store.getRange('${NAME}')));`;
  expect(inProcess(code, { openFilesMax: 64 }).split('\n')).toEqual([
    'KAFKA_STORAGE_ERROR: Writing an object failed: too many open files.',
    '120',
  ]);
});

test.skipIf(!existsSync('/dev/full'))('a full disk', () => {
  let found: unknown;
  try {
    writeFileSync('/dev/full', 'x');
  } catch (error) {
    found = fileFault(error, 'writing an object');
  }
  expect(found).toMatchObject({ message: 'Writing an object failed: the disk is full.' });
});
