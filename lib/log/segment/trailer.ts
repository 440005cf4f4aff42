/**
 * How every object ends: a footer, and behind it a trailer of 12 bytes, by which the footer is found and checked.
 *
 *     footer length u32 | CRC-32C of the footer u32 | format version u8 | mark, 3 bytes
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, type ByteWriter, MalformedBytesError, utf8 } from '../../kernel/bytes.ts';
import { crc32c } from '../../kernel/crc32c.ts';
import { MillraceError } from '../../kernel/errors.ts';

export const TRAILER_BYTES = 12;

/** Which kind of object it is, and which version of its format. */
export interface ObjectFormat {
  /** Three letters of ASCII. */
  mark: string;
  version: number;
}

/** What was written, as the footer, with the trailer: ready to follow the batches. */
export function finishFooter(footer: ByteWriter, { mark, version }: ObjectFormat): Uint8Array {
  const length = footer.length;
  const checksum = crc32c(footer.written());
  assert(mark.length === 3, 'a mark has three letters');
  return footer.u32(length).u32(checksum).u8(version).bytes(utf8(mark)).finish();
}

/** How many bytes footer and trailer take, from an object's last `TRAILER_BYTES`. */
export function lengthWithTrailer(tail: Uint8Array, format: ObjectFormat): number {
  return readTrailer(tail, format).length + TRAILER_BYTES;
}

/**
 * Reads the footer, checked, from the end of an object that holds all of it. Throws `CORRUPT_MESSAGE`, which says what
 * is wrong.
 */
export function readFooterIn<T>(tail: Uint8Array, format: ObjectFormat, read: (footer: ByteReader) => T): T {
  const footer = footerIn(tail, format);
  try {
    return read(new ByteReader(footer));
  } catch (error) {
    if (error instanceof MalformedBytesError) throw unreadable(`its footer is malformed: ${error.message}`);
    throw error;
  }
}

function footerIn(tail: Uint8Array, format: ObjectFormat): Uint8Array {
  const { length, checksum } = readTrailer(tail, format);
  const end = tail.length - TRAILER_BYTES;
  if (length > end) throw unreadable(`its footer of ${length} bytes is cut to ${end}`);
  const footer = tail.subarray(end - length, end);
  if (crc32c(footer) !== checksum) throw unreadable('its footer does not match its checksum');
  return footer;
}

function readTrailer(tail: Uint8Array, { mark, version }: ObjectFormat): { length: number; checksum: number } {
  if (tail.length < TRAILER_BYTES) throw unreadable(`it has only ${tail.length} bytes`);
  const reader = new ByteReader(tail, tail.length - TRAILER_BYTES);
  const length = reader.u32();
  const checksum = reader.u32();
  const found = reader.u8();
  if (!utf8(mark).every((byte) => reader.u8() === byte)) throw unreadable(`it does not end with the mark ${mark}`);
  if (found !== version) throw unreadable(`its format version is ${found}, this program reads ${version}`);
  return { length, checksum };
}

export function unreadable(reason: string): MillraceError {
  return new MillraceError('CORRUPT_MESSAGE', `The segment object is not readable: ${reason}.`);
}
