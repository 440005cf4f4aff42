import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { KeptObjects } from '../../../lib/storage/objects/kept-objects.ts';
import { Spool } from '../../../lib/storage/objects/spool.ts';

const FILE = 1_000_000;

function bytesOf(length: number, seed: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => ((index + seed) * 2_654_435_761) >>> 24);
}

function made(keptBytes: number) {
  const spool = new Spool({ directory: tmpdir(), bytesMax: (keptBytes * 100) / storageLimits.keptObjectsPercent });
  return { spool, kept: new KeptObjects(spool) };
}

test('what is kept is read by any of its ranges, and what ends before it is cut', async () => {
  const { kept } = made(FILE);
  const objects = [bytesOf(100_000, 1), bytesOf(0, 2), bytesOf(70_001, 3)];
  await Promise.all(objects.map((bytes, n) => kept.keep(`o/${n}`, bytes)));
  for (const [n, bytes] of objects.entries()) {
    for (const [start, end] of [
      [0, bytes.length],
      [10, 2_000],
      [bytes.length - 1, bytes.length + 5],
    ] as const) {
      const read = await kept.read(`o/${n}`, { start: Math.max(0, start), end });
      expect(read?.objectBytes).toBe(bytes.length);
      expect(Buffer.compare(read?.bytes as Uint8Array, bytes.subarray(Math.max(0, start), end))).toBe(0);
    }
  }
  expect(await kept.read('o/3', { start: 0, end: 1 })).toBeUndefined();
  await kept.close();
});

test('where there is no room for more, what came first goes, and who reads it then has it still', async () => {
  const { kept, spool } = made(2 * FILE);
  const object = bytesOf(FILE, 1);
  const whole = { start: 0, end: FILE };
  await kept.keep('o/1', object);
  await kept.keep('o/2', object);
  const [read] = await Promise.all([kept.read('o/1', whole), kept.keep('o/3', object)]);
  expect(Buffer.compare(read?.bytes as Uint8Array, object)).toBe(0);
  expect(await kept.read('o/1', whole)).toBeUndefined();
  expect((await kept.read('o/2', whole))?.objectBytes).toBe(FILE);
  await kept.close();
  expect(await kept.read('o/3', whole)).toBeUndefined();
  expect(spool.reserve(spool.bytesMax)).toBe(true);
});

test('what has no room at all is not kept', async () => {
  const { kept, spool } = made(1_000);
  expect(spool.reserve(1_500)).toBe(true);
  await kept.keep('o/1', bytesOf(600, 1));
  expect(await kept.read('o/1', { start: 0, end: 1 })).toBeUndefined();
  await kept.close();
});

test('what comes after a write that failed halfway is found where it is', async () => {
  const { kept, spool } = made(FILE);
  const [first, second] = [bytesOf(1_000, 1), bytesOf(1_000, 2)];
  await kept.keep('o/1', first);
  const write = spool.write.bind(spool);
  spool.write = async (file, bytes) => {
    await write(file, bytes.subarray(0, 300));
    throw new Error('the disk is full');
  };
  await expect(kept.keep('o/2', second)).rejects.toThrow('the disk is full');
  spool.write = write;
  await kept.keep('o/2', second);
  for (const [name, bytes] of [
    ['o/1', first],
    ['o/2', second],
  ] as const) {
    const read = await kept.read(name, { start: 0, end: bytes.length });
    expect(Buffer.compare(read?.bytes as Uint8Array, bytes)).toBe(0);
  }
  await kept.close();
});
