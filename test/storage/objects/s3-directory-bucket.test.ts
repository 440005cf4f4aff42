import { describe, expect, test } from 'vitest';
import { isDirectoryBucket, listablePrefix, zoneOf } from '../../../lib/storage/objects/s3-directory-bucket.ts';

describe('a directory bucket', () => {
  test.each([
    ['acme--usw2-az1--x-s3', 'usw2-az1'],
    ['acme-segments-1--use1-az4--x-s3', 'use1-az4'],
    ['a--usw2-lax1-az1--x-s3', 'usw2-lax1-az1'],
  ])('%s is in zone %s, by its name', (bucket, zone) => {
    expect(isDirectoryBucket(bucket)).toBe(true);
    expect(zoneOf(bucket)).toBe(zone);
  });

  test.each([
    'acme',
    'acme--x-s3',
    '--use1-az4--x-s3',
    'acme--use1-az4',
    'Acme--use1-az4--x-s3',
    `${'a'.repeat(60)}--use1-az4--x-s3`,
  ])('%s is none', (bucket) => {
    expect(isDirectoryBucket(bucket)).toBe(false);
  });
});

test('a directory bucket is listed by the folder that the prefix begins with', () => {
  const prefixes = ['segments/490000/', 'segments/490000/0a', 'segments', ''];
  expect(prefixes.map(listablePrefix)).toEqual(['segments/490000/', 'segments/490000/', '', '']);
});
