import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/kernel/clock.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { createLogger } from '../../lib/local/logger.ts';
import { type ListedDirectory, openReplicaDirectories } from '../../lib/local/replica-directories.ts';
import { createLocalPresigner } from '../../lib/storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { cleanUp, temporaryDirectory } from '../support/local-process.ts';

const bytes = Uint8Array.of(1, 2, 3);
const presigner = createLocalPresigner({
  secret: new Uint8Array(32),
  baseUrl: () => 'http://127.0.0.1',
  clock: systemClock,
});

let root: string;
let random = seededRandom(1);
let logged: { message: string; reason?: string; replica?: number }[] = [];

beforeEach(async () => {
  root = await temporaryDirectory();
  random = seededRandom(1);
  logged = [];
  await mkdir(at('data'));
});
afterEach(cleanUp);

const at = (name: string) => join(root, name);

/** By name, or with a rack. */
async function open(listed: readonly (string | ListedDirectory)[], dataDirectory = at('data')) {
  const log = createLogger(systemClock, (line) => logged.push(JSON.parse(line) as (typeof logged)[number]));
  return openReplicaDirectories({
    dataDirectory,
    own: createMemoryObjectStore({ presigner }),
    listed: listed.map((one) => (typeof one === 'string' ? { path: at(one) } : { ...one, path: at(one.path) })),
    fsync: false,
    presigner,
    random,
    log,
  });
}

async function storeOf(opened: Awaited<ReturnType<typeof open>>, id: number) {
  const replica = opened?.replicas.find((one) => one.id === id);
  if (replica === undefined) throw new Error(`there is no replica ${id}`);
  return replica.store;
}

function numbersOf(opened: Awaited<ReturnType<typeof open>>) {
  return opened?.replicas.map(({ id, name }) => [id, name.replace(`${root}/`, '')]);
}

describe('directories of replicas', () => {
  it('are none where none are given', async () => {
    expect(await open([])).toBeUndefined();
    expect(await readdir(at('data'))).toEqual([]);
  });

  it('are numbered from 1 in the order given, beside the data directory, which is 0', async () => {
    const opened = await open(['b', { path: 'c', rack: 'zone-c' }]);
    expect(opened?.replicas.map(({ id, rack }) => [id, rack])).toEqual([
      [0, 'replica-0'],
      [1, 'replica-1'],
      [2, 'zone-c'],
    ]);
    expect(numbersOf(opened)).toEqual([
      [0, 'data'],
      [1, 'b'],
      [2, 'c'],
    ]);
    expect(opened?.assignable).toEqual([0, 1, 2]);
    expect(logged).toEqual([]);
  });

  it('keep their numbers and objects in another order, at another place, and beside new ones', async () => {
    const first = await open(['b', 'c']);
    await (await storeOf(first, 1)).put('segments/1/a', [bytes]);
    await rename(at('b'), at('moved'));
    const again = await open(['new', 'c', 'moved']);
    expect(numbersOf(again)).toEqual([
      [0, 'data'],
      [3, 'new'],
      [2, 'c'],
      [1, 'moved'],
    ]);
    expect(again?.assignable).toEqual([0, 3, 2, 1]);
    expect(await (await storeOf(again, 1)).getRange('segments/1/a')).toEqual(bytes);
    await rm(at('moved'), { recursive: true });
    expect(numbersOf(await open(['moved', 'c']))?.slice(0, 3)).toEqual([
      [0, 'data'],
      [1, 'moved'],
      [2, 'c'],
    ]);
  });

  it('that are not given any more are down, and get no new ledgers', async () => {
    await open(['b', 'c']);
    const opened = await open(['c']);
    expect(opened?.assignable).toEqual([0, 2]);
    const store = await storeOf(opened, 1);
    await expect(store.put('a', [bytes])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await expect(store.getRange('a')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(await store.list('')).toEqual({ objects: [] });
    await store.delete(['a']);
    expect(logged).toMatchObject([{ level: 'warn', replica: 1 }]);
    expect((await open([]))?.assignable).toEqual([0]);
  });

  it('that are missing come back by themselves', async () => {
    const first = await open(['b']);
    await (await storeOf(first, 1)).put('segments/1/a', [bytes]);
    await rename(at('b'), at('away'));
    const store = await storeOf(await open(['b']), 1);
    expect(logged).toMatchObject([{ replica: 1, reason: expect.stringContaining('is gone') as string }]);
    await expect(store.put('segments/1/b', [bytes])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await expect(store.getRange('segments/1/a')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await rename(at('away'), at('b'));
    expect(await store.getRange('segments/1/a')).toEqual(bytes);
    await store.put('segments/1/b', [bytes]);
  });

  it('that go away while they are used fail, and hold what they held when they are back', async () => {
    const store = await storeOf(await open(['b']), 1);
    await store.put('segments/1/a', [bytes]);
    await rename(at('b'), at('away'));
    const fault = { code: 'KAFKA_STORAGE_ERROR' };
    await expect(store.getRange('segments/1/a')).rejects.toMatchObject(fault);
    await expect(store.put('segments/1/b', [bytes])).rejects.toMatchObject(fault);
    await expect(store.delete(['segments/1/a'])).rejects.toMatchObject(fault);
    await expect(store.list('')).rejects.toMatchObject(fault);
    await rename(at('away'), at('b'));
    expect(await store.getRange('segments/1/a')).toEqual(bytes);
  });

  it('that cannot be made are down until they can, with a number that stays', async () => {
    await writeFile(at('b'), 'a file in the way');
    const opened = await open(['b', 'c']);
    expect(opened?.assignable).toEqual([0, 1, 2]);
    expect(logged).toMatchObject([{ replica: 1 }]);
    await rm(at('b'));
    await (await storeOf(opened, 1)).put('a', [bytes]);
    expect(numbersOf(await open(['c', 'b']))).toEqual([
      [0, 'data'],
      [2, 'c'],
      [1, 'b'],
    ]);
  });

  it('that were emptied are not used, whatever is asked of them', async () => {
    await open(['b']);
    await rm(at('b'), { recursive: true });
    await mkdir(at('b'));
    const opened = await open(['b']);
    const sentence = /^A replica's bucket was emptied or exchanged: .*an operator must give it a new number\.$/;
    expect(logged).toMatchObject([{ replica: 1, reason: expect.stringMatching(sentence) as string }]);
    const store = await storeOf(opened, 1);
    await expect(store.put('a', [bytes])).rejects.toThrow(sentence);
    await expect(store.list('')).rejects.toThrow(sentence);
    expect(await readdir(at('b'))).toEqual([]);
    expect(numbersOf(await open(['new']))).toEqual([
      [0, 'data'],
      [2, 'new'],
      [1, 'b'],
    ]);
  });

  it('that hold objects of something else are not used', async () => {
    await mkdir(at('b/objects'), { recursive: true });
    const opened = await open(['b']);
    expect(logged).toMatchObject([{ reason: expect.stringContaining('holds objects of something else') as string }]);
    await expect((await storeOf(opened, 1)).put('a', [bytes])).rejects.toThrow('holds objects of something else');
    expect(await readdir(at('b'))).toEqual(['objects']);
  });

  it.each([
    ['another data directory', ['b'], 'data2', 'b is a replica of another data directory'],
    ['one directory twice', ['b', 'b'], 'data', 'b is given twice'],
    ['a copy of one that is given', ['b', 'copy'], 'data', 'both have the number 1'],
    ['the data directory', ['data'], 'data', 'replica 0 without being given'],
    ['the data directory’s objects', ['data/objects/x'], 'data', 'replica 0 without being given'],
    ['a ninth', ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'], 'data', 'i would be one too many'],
  ])('refuses %s', async (_, listed, data, sentence) => {
    random = seededRandom(2);
    await open(['b']);
    await mkdir(at('copy'));
    await writeFile(at('copy/replica.json'), await readFile(at('b/replica.json')));
    await mkdir(at('data2'));
    await expect(open(listed, at(data))).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(sentence) as string,
    });
  });

  it('are not believed where the registry or a marker is damaged', async () => {
    await open(['b']);
    await writeFile(at('b/replica.json'), '{"stack":');
    await open(['b']);
    expect(logged.length).toBeGreaterThan(0);
    await writeFile(at('data/replicas.json'), '{}');
    await expect(open(['b'])).rejects.toThrow('which numbers the replicas, is damaged');
  });

  it('outlive a crash between a number and its marker, and between a marker and its note', async () => {
    await open(['b']);
    const registry = JSON.parse(await readFile(at('data/replicas.json'), 'utf8')) as {
      stack: string;
      replicas: { marked: boolean }[];
    };
    expect(registry.replicas).toMatchObject([{ id: 1, marked: true }]);
    const unnoted = { ...registry, replicas: [{ ...registry.replicas[0], marked: false }] };
    await writeFile(at('data/replicas.json'), JSON.stringify(unnoted));
    await open(['b']);
    expect(JSON.parse(await readFile(at('data/replicas.json'), 'utf8'))).toEqual(registry);
    await writeFile(at('data/replicas.json'), JSON.stringify(unnoted));
    await rm(at('b'), { recursive: true });
    await open(['b']);
    expect(JSON.parse(await readFile(at('data/replicas.json'), 'utf8'))).toEqual(registry);
    expect(logged).toEqual([]);
  });
});
