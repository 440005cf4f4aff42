import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { turn } from '../../support/passing-time.ts';

const key = { pk: 'p', sk: 's' };
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-'));
  path = join(directory, 'metadata.sqlite');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** What the descriptor is of; it may have been closed since it was listed. */
function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

function fault(message: string) {
  return expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining(message) });
}

test('answers with breaks for other work, where it has a clock', async () => {
  let nowMs = 0;
  const clock = { now: () => nowMs, monotonic: () => nowMs++, sleep: () => turn() as Promise<void> };
  const store = openSqliteMetadataStore({ path: ':memory:', clock });
  const other = { turns: 0, isOver: false };
  const others = (async () => {
    for (; !other.isOver; other.turns++) await turn();
  })();
  for (let count = 0; count < 5; count++) await store.get(key, 'strong');
  expect(other.turns).toBe(0);
  for (let count = 0; count < 100; count++) await store.get(key, 'strong');
  expect(other.turns).toBeGreaterThan(2);
  other.isOver = true;
  await others;
  await store.close();
});

describe('a file', () => {
  test('keeps its items when it is closed and opened again, with and without fsync', async () => {
    for (const fsync of [false, true]) {
      const store = openSqliteMetadataStore({ path, fsync });
      await store.write([{ kind: 'update', key, changes: { add: { n: 1 } } }]);
      await store.close();
    }
    const store = openSqliteMetadataStore({ path });
    expect(await store.get(key, 'strong')).toEqual({ n: 2 });
    await store.close();
  });

  test.runIf(process.platform === 'linux')(
    'has its log given to the disk, and lets go of it when it is closed',
    async () => {
      const filesOpen = () =>
        readdirSync('/proc/self/fd').filter((fd) => linkOf(fd)?.startsWith(realpathSync(directory)) === true).length;
      const [plain, synced] = [
        openSqliteMetadataStore({ path }),
        openSqliteMetadataStore({ path: `${path}-2`, fsync: true }),
      ];
      await synced.write([{ kind: 'put', key, attributes: {} }]);
      await plain.write([{ kind: 'put', key, attributes: {} }]);
      const atFirst = filesOpen();
      await expect.poll(filesOpen, { timeout: 10_000 }).toBe(atFirst + 1);
      await plain.write([{ kind: 'put', key, attributes: {} }]);
      await Promise.all([plain.close(), synced.close()]);
      expect(filesOpen()).toBe(0);
    },
  );

  test('keeps every answered write when the process is killed', async () => {
    const module = join(import.meta.dirname, '../../../lib/storage/metadata/sqlite.ts');
    const program = `
      import { openSqliteMetadataStore } from ${JSON.stringify(module)};
      const store = openSqliteMetadataStore({ path: ${JSON.stringify(path)} });
      const key = ${JSON.stringify(key)};
      for (;;) {
        const { item } = await store.write([{ kind: 'update', key, changes: { add: { n: 1 } } }]);
        process.stdout.write(item.n + '\\n');
        await new Promise((resolve) => setImmediate(resolve));
      }`;
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module-typescript', '-e', program]);
    const exited = once(child, 'exit');
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      if (output.length > 2_000) child.kill('SIGKILL');
    }
    await exited;
    const lines = output.split('\n');
    const answered = Number(lines.at(-2));
    const store = openSqliteMetadataStore({ path });
    const item = await store.get(key, 'strong');
    await store.close();
    expect(answered).toBeGreaterThan(100);
    expect(item?.n).toBeGreaterThanOrEqual(answered);
  });

  test('is not opened by a second store while the first is open', async () => {
    const store = openSqliteMetadataStore({ path });
    expect(() => openSqliteMetadataStore({ path })).toThrow(fault('in use by another process'));
    await store.close();
    await openSqliteMetadataStore({ path }).close();
  });

  test('in a directory that is not there is refused with its name', () => {
    const missing = join(directory, 'missing/metadata.sqlite');
    expect(() => openSqliteMetadataStore({ path: missing })).toThrow(fault(missing));
  });

  test('that is no database is refused and left as it is', () => {
    writeFileSync(path, 'records of something else. '.repeat(100));
    expect(() => openSqliteMetadataStore({ path })).toThrow(fault('not a SQLite database'));
    expect(readFileSync(path, 'utf8')).toBe('records of something else. '.repeat(100));
  });

  test('that is the database of something else is refused and left as it is', () => {
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE theirs (a TEXT)');
    database.close();
    expect(() => openSqliteMetadataStore({ path })).toThrow(fault('not a metadata store of Millrace'));
  });

  test('of a newer format is refused with both versions', async () => {
    await openSqliteMetadataStore({ path }).close();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 2');
    database.close();
    expect(() => openSqliteMetadataStore({ path })).toThrow(fault('has format 2; this version of Millrace reads 1'));
  });
});

test('a closed store says so', async () => {
  const store = openSqliteMetadataStore({ path: ':memory:' });
  await store.close();
  await store.close();
  await expect(store.get(key, 'strong')).rejects.toThrow('closed');
});

test('an item that is damaged in the file is a fault, not a value', async () => {
  const store = openSqliteMetadataStore({ path });
  await store.write([{ kind: 'put', key, attributes: { n: 1 } }]);
  await store.close();
  const database = new DatabaseSync(path);
  database.exec("UPDATE items SET attributes = x'09'");
  database.close();
  const damaged = openSqliteMetadataStore({ path });
  await expect(damaged.get(key, 'strong')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  await damaged.close();
});
