/** Compressed streams that other implementations made (how: makers/codec_vectors.py). */
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import json from './codec-vectors.json' with { type: 'json' };
import { lines, noise } from './vectors.ts';

/** What all of them inflate to: more than one 64 KiB block, with bytes that do not compress near the end. */
export const content = concatBytes([...Array.from({ length: 120 }, () => lines(40)), noise(300), lines(40)]);

export const lz4Frames: [name: string, frame: Uint8Array][] = Object.entries(json.lz4).map(([name, text]) => [
  name,
  decoded(text),
]);
export const lz4Empty = decoded(json.lz4Empty);
export const snappyRaw = decoded(json.snappyRaw);
export const snappyRawEmpty = decoded(json.snappyRawEmpty);
/** The hashes of `noise(n)`. */
export const xxhash32Vectors = json.xxhash32;

export function lz4Frame(name: string): Uint8Array {
  const found = lz4Frames.find((frame) => frame[0] === name);
  if (found === undefined) throw new Error(`there is no frame "${name}"`);
  return found[1].slice();
}

function decoded(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
