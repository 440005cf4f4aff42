import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { BrokenPipe, Output } from '../../lib/cli/output.ts';

function failing(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, callback) => callback(Object.assign(new Error('said so'), { code })),
  });
}

it('waits until what it writes is taken', async () => {
  const taken: (() => void)[] = [];
  const stream = new Writable({ write: (_chunk, _encoding, callback) => void taken.push(callback) });
  let written = false;
  const writing = new Output(stream).line('a').then(() => (written = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect([taken.length, written]).toEqual([1, false]);
  taken[0]?.();
  await writing;
});

it('says that its reader has gone, at the first write and at every other', async () => {
  const output = new Output(failing('EPIPE'));
  await expect(output.line('a')).rejects.toThrow(BrokenPipe);
  await expect(output.line('b')).rejects.toThrow(BrokenPipe);
});

it('fails with a sentence where the disk is full', async () => {
  await expect(new Output(failing('ENOSPC')).line('a')).rejects.toThrow('The output cannot be written: said so.');
});
