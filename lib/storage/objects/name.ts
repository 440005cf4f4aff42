/** The names of objects: one check for every adapter, so that what one stores the others could. */
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { ByteRange, ObjectName } from './port.ts';

/** Segments of `[a-z0-9.-]` that do not begin with a dot, joined by single slashes. All of it is ASCII. */
const NAME = /^[a-z0-9-][a-z0-9.-]*(?:\/[a-z0-9-][a-z0-9.-]*)*$/;

export function isObjectName(text: string): boolean {
  if (text.length > storageLimits.objectNameBytesMax || !NAME.test(text)) return false;
  return text.split('/').every((segment) => segment.length <= storageLimits.objectNameSegmentBytesMax);
}

/** A name that is none can lead out of a directory, or into what a store keeps for itself. */
export function checkObjectName(name: ObjectName): void {
  if (isObjectName(name)) return;
  throw new MillraceError('INVALID_REQUEST', `${JSON.stringify(name.slice(0, 100))} is not the name of an object.`);
}

/** Throws unless the range is one of at least no bytes. */
export function checkRange({ start, end }: ByteRange): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end) return;
  throw new MillraceError('INVALID_REQUEST', `The range ${start}–${end} is not one of bytes.`);
}

/** The value of an HTTP `Range` header, whose end is inclusive. The range must not be empty. */
export function rangeHeader({ start, end }: ByteRange): string {
  return `bytes=${start}-${end - 1}`;
}
