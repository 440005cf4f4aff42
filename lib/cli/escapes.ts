/** Backslash escapes in flags, because a shell makes it hard to type a tab: `\n`, `\t`, `\r`, `\0`, `\\` and `\xHH`. */
import { concatBytes, utf8 } from '../kernel/bytes.ts';
import { UsageError } from './failure.ts';

const BYTES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, 0: 0, '\\': 92 };

/** Throws `UsageError` for a backslash before anything else. */
export function unescaped(source: string, text: string): Uint8Array {
  const pieces = text.split(/(\\x[0-9a-fA-F]{2}|\\.?)/su);
  // Every other piece is an escape.
  return concatBytes(pieces.map((piece, index) => (index % 2 === 0 ? utf8(piece) : escaped(source, piece))));
}

function escaped(source: string, escape: string): Uint8Array {
  const byte = escape.length === 4 ? Number.parseInt(escape.slice(2), 16) : BYTES[escape.slice(1)];
  if (byte !== undefined) return Uint8Array.of(byte);
  throw new UsageError(`${source} has "${escape}"; a backslash is followed by n, t, r, 0, xHH or another backslash`);
}
