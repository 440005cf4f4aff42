import { describe, expect, test } from 'vitest';
import { AssertionError } from '../../lib/kernel/assert.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { awsFailure, awsFault, fileFault, sqliteFault } from '../../lib/storage/faults.ts';

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(code), { code, syscall });
}

describe('a failed call of AWS', () => {
  test.each<[string, Error, boolean]>([
    ['a refused connection', systemError('ECONNREFUSED', 'connect'), true],
    ['a name that is not found', systemError('ENOTFOUND', 'getaddrinfo'), true],
    ['a time-out of connecting', systemError('ETIMEDOUT', 'connect'), true],
    [
      'a refusal by every address of a host',
      new AggregateError([systemError('ECONNREFUSED', 'connect'), systemError('ECONNREFUSED', 'connect')]),
      true,
    ],
    ['a reset while reading', systemError('ECONNRESET', 'read'), false],
    ['a broken pipe', systemError('EPIPE', 'write'), false],
    ['a time-out of the answer', Object.assign(new Error('slow'), { name: 'TimeoutError' }), false],
  ])('had certainly no effect, or may have had one: %s', (_, error, nothingHappened) => {
    expect(awsFailure(error)).toMatchObject({ transient: true, nothingHappened });
    const effect = nothingHappened ? 'none' : 'unknown';
    expect(awsFault(error, 'a write', false)).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect });
    expect(awsFault(error, 'a read', true)).toMatchObject({ effect: 'none', cause: error });
  });

  test.each<[string, Error]>([
    ['a refusal of our own', new MillraceError('POLICY_VIOLATION', 'too large')],
    ['an assertion', new AssertionError('never')],
    ['a type error, with a code as Node gives it', Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' })],
    ['any other error', new Error('bug')],
  ])('stays as it is where it is no failure of AWS: %s', (_, error) => {
    expect(awsFailure(error)).toBeUndefined();
    expect(awsFault(error, 'a write', false)).toBe(error);
  });
});

test('an error of SQLite says what can be done, and one of ours stays as it is', () => {
  const full = Object.assign(new Error('full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 });
  expect(sqliteFault(full, 'a write failed', 'unknown')).toMatchObject({
    code: 'KAFKA_STORAGE_ERROR',
    message: 'A write failed: the disk is full.',
    effect: 'unknown',
  });
  // An extended result code: an I/O error while syncing.
  const sync = Object.assign(new Error('io'), { code: 'ERR_SQLITE_ERROR', errcode: 10 | (4 << 8) });
  expect(sqliteFault(sync, 'a write failed')).toMatchObject({ message: expect.stringContaining('failed') });
  // An extended result code that says more than the plain one.
  const moved = Object.assign(new Error('readonly'), { code: 'ERR_SQLITE_ERROR', errcode: 8 | (4 << 8) });
  expect(sqliteFault(moved, 'a write failed')).toMatchObject({
    message: 'A write failed: it was moved or removed while it was open.',
  });
  const bug = new AssertionError('never');
  expect(sqliteFault(bug, 'a write failed')).toBe(bug);
});

test('an error of the file system says what can be done, and one of ours stays as it is', () => {
  expect(fileFault(systemError('ENOSPC', 'write'), 'writing an object')).toMatchObject({
    code: 'KAFKA_STORAGE_ERROR',
    message: 'Writing an object failed: the disk is full.',
  });
  expect(fileFault(systemError('EROFS', 'open'), 'writing an object')).toMatchObject({
    message: 'Writing an object failed: the file system is read-only.',
  });
  expect(fileFault(systemError('EXDEV', 'rename'), 'writing an object')).toMatchObject({
    message: 'Writing an object failed: EXDEV.',
  });
  const bug = new TypeError('x');
  expect(fileFault(bug, 'writing an object')).toBe(bug);
});
