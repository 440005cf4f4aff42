import { expect, test } from 'vitest';
import { dataView, toHex } from '../../lib/kernel/bytes.ts';
import { SipHash } from '../../lib/kernel/siphash.ts';

const KEY = Uint8Array.from({ length: 16 }, (_, index) => index);

/** Made with `openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 SIPHASH` (OpenSSL 3). */
const vectors = [
  { length: 0, hash: 'a3817f04ba25a8e66df67214c7550293' },
  { length: 1, hash: '0059ad1bbfbcb24ede19a8a28f3ecdec' },
  { length: 3, hash: 'cbd87c37c905d51c44073a89e2f927d5' },
  { length: 4, hash: '2c193d257f560093a54b3f2374fb532d' },
  { length: 5, hash: '733282a776b0c10f7c796b6291e32f2b' },
  { length: 7, hash: 'eeaec4483bf7335f6aa4c76318cbdb1f' },
  { length: 8, hash: '60fe1016e736853d8ae51f98a8f27be5' },
  { length: 9, hash: '857dd45aca7a97d2c1ee5c1ec80bf1a1' },
  { length: 12, hash: '0adf05c59791b9f20ca4d7f42309a620' },
  { length: 15, hash: '148feb56b66f3aa3efa779371d3c7788' },
  { length: 16, hash: '7206d4c4d7b6da49f40b385786b134b0' },
  { length: 17, hash: 'e8ead05ff8c17e90ee195042b78b4daf' },
  { length: 31, hash: 'ec3b6a1ff509dfda5c612b8f78e2cf23' },
  { length: 63, hash: '5386fe5436b35e43c8d357f37fdeb0cf' },
  { length: 64, hash: 'e2fc0c73483900b0c6002c2c509d9727' },
  { length: 257, hash: '2a706f2d77820ccc2f71337ebe735d47' },
  { length: 1000, hash: 'be432a068f290224ab7f0e9b5441d4a6' },
];

function message(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7 + length);
}

function hashOf(key: Uint8Array, bytes: Uint8Array, start = 0, end = bytes.length): string {
  const hash = new SipHash(key);
  hash.hash(bytes, start, end);
  const output = new Uint8Array(16);
  for (const [index, word] of hash.words.entries()) dataView(output).setInt32(index * 4, word, true);
  return toHex(output);
}

test.each(vectors)('hashes $length bytes as OpenSSL does', ({ length, hash }) => {
  expect(hashOf(KEY, message(length))).toBe(hash);
});

test('hashes a part of an array as it does those bytes alone', () => {
  for (const { length, hash } of vectors) {
    const within = new Uint8Array(length + 7).fill(0xff);
    within.set(message(length), 3);
    expect(hashOf(KEY, within, 3, 3 + length)).toBe(hash);
  }
});

test('another key gives another hash', () => {
  expect(hashOf(KEY.with(15, 0), message(8))).not.toBe(hashOf(KEY, message(8)));
});
