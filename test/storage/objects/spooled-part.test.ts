import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { Part } from '../../../lib/storage/objects/part.ts';
import { Spool } from '../../../lib/storage/objects/spool.ts';
import { SpooledPart } from '../../../lib/storage/objects/spooled-part.ts';

const PART = storageLimits.uploadPartBytes;
const bytes = new Uint8Array(PART + 12_345).map((_, index) => (index * 2_654_435_761) >>> 24);
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-spool-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

async function opened(spool: Spool): Promise<SpooledPart> {
  const part = await SpooledPart.open(spool);
  if (part === undefined) throw new Error('the spool has no room');
  return part;
}

test('a part on disk is the bytes that it took, each time that it is read, and is described like one in memory', async () => {
  const part = await opened(new Spool({ directory, bytesMax: 4 * PART }));
  let from = 0;
  for (const end of [0, 1, 70_000, PART, bytes.length]) {
    expect(await part.fill(bytes.subarray(from, end))).toBe(end - from);
    from = end;
  }
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(Buffer.compare(await buffer(part.body() as Readable), bytes)).toBe(0);
  }
  const inMemory = new Part();
  inMemory.fill(bytes.subarray(0, PART));
  const whole = await opened(new Spool({ directory, bytesMax: PART }));
  expect(await whole.fill(bytes)).toBe(PART);
  expect(whole.describe()).toEqual(inMemory.describe());
  part.release();
  whole.release();
});

test('a part without bytes has an empty body', async () => {
  const part = await opened(new Spool({ directory, bytesMax: PART }));
  expect(part.body()).toBe('');
  expect(part.describe()).toEqual(new Part().describe());
  part.release();
});

test('a part is full when the disk has no more room for it, and where there is none for a whole part there is none', async () => {
  const spool = new Spool({ directory, bytesMax: 2 * PART + 1 });
  const [one, two] = [await opened(spool), await opened(spool)];
  expect(await SpooledPart.open(spool)).toBeUndefined();
  expect(await one.fill(bytes)).toBe(PART);
  expect(one.isFull).toBe(true);
  two.release();
  two.release();
  const grown = await opened(spool);
  await grown.fill(bytes.subarray(0, 10));
  expect(grown.isFull).toBe(false);
  one.release();
  grown.release();
  expect(spool.reserve(2 * PART + 1)).toBe(true);
});

test('nothing of a part is in the directory, also while it is filled', async () => {
  const part = await opened(new Spool({ directory, bytesMax: PART }));
  await part.fill(bytes.subarray(0, 10));
  expect(readdirSync(directory)).toEqual([]);
  part.release();
});
