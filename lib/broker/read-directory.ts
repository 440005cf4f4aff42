/** A directory (all items of one partition key) by pages, in the order of the names, as of after the call. */
import { fromBase64Url, toBase64Url, utf8, utf8Text } from '../kernel/bytes.ts';
import { MillraceError } from '../kernel/errors.ts';
import type { Attributes } from '../kernel/items.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import { topicLimits } from '../kernel/limits/topics.ts';
import type { MetadataStore } from '../storage/metadata/port.ts';

export interface PageRequest {
  /** 1 to `requestLimits.listPageMax`; `requestLimits.listPageDefault` where absent. */
  limit?: number;
  /** The `next` of an earlier page. */
  cursor?: string;
}

export interface DirectoryRequest extends PageRequest {
  /** Names that begin with none of these are as if they were not there; all are where absent. */
  prefixes?: readonly string[];
}

export interface DirectoryPage<T> {
  entries: T[];
  /** The cursor of the next page; absent at the end. */
  next?: string;
}

/** Throws `INVALID_REQUEST` for a limit out of range or a cursor that is none. */
export async function readDirectory<T>(
  metadata: MetadataStore,
  directory: string,
  request: DirectoryRequest,
  decode: (name: string, attributes: Attributes) => T,
): Promise<DirectoryPage<T>> {
  const limit = checkPageLimit(request.limit);
  const start = request.cursor === undefined ? undefined : after(decodeCursor(request.cursor));
  const names: string[] = [];
  const entries: T[] = [];
  for (const range of rangesFrom(start, request.prefixes)) {
    let { from } = range;
    // One more than asked for, to know whether there is a next page. A store may answer less than asked for; each round
    // brings at least one item or the end.
    do {
      const page = await metadata.query({
        pk: directory,
        from,
        to: range.to,
        limit: limit + 1 - entries.length,
        consistency: 'strong',
      });
      for (const { key, attributes } of page.items) {
        names.push(key.sk);
        entries.push(decode(key.sk, attributes));
      }
      from = page.next;
    } while (from !== undefined && entries.length <= limit);
    if (entries.length > limit) {
      return { entries: entries.slice(0, limit), next: toBase64Url(utf8(names[limit - 1] as string)) };
    }
  }
  return { entries };
}

interface KeyRange {
  from: string | undefined;
  to: string | undefined;
}

/**
 * What is to be read from `start` on, in order and without overlap. Whatever is not read is not in the cursor either,
 * so that a page tells nothing of names outside of the prefixes.
 */
function rangesFrom(start: string | undefined, prefixes: readonly string[] | undefined): KeyRange[] {
  if (prefixes === undefined) return [{ from: start, to: undefined }];
  const apart: string[] = [];
  for (const prefix of prefixes.toSorted()) {
    const last = apart.at(-1);
    if (last === undefined || !prefix.startsWith(last)) apart.push(prefix);
  }
  return apart
    .map((prefix) => ({ from: start !== undefined && start > prefix ? start : prefix, to: pastPrefix(prefix) }))
    .filter(({ from, to }) => from < to);
}

/** Above all names that begin so: names are printable ASCII. */
function pastPrefix(prefix: string): string {
  return `${prefix}\x7f`;
}

export function checkPageLimit(limit: number = requestLimits.listPageDefault): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > requestLimits.listPageMax) {
    throw new MillraceError(
      'INVALID_REQUEST',
      `The limit ${limit} is not a whole number from 1 to ${requestLimits.listPageMax}.`,
    );
  }
  return limit;
}

/** A cursor is the name of the page's last entry; all names are ASCII and at most as long as a topic's. */
function decodeCursor(cursor: string): string {
  const bytes = fromBase64Url(cursor);
  const name = bytes && utf8Text(bytes);
  if (name === undefined || name.length > topicLimits.topicNameLengthMax || !/^[!-~]+$/.test(name)) {
    throw new MillraceError('INVALID_REQUEST', 'The cursor is not one that this list returned.');
  }
  return name;
}

/** The smallest sort key above this one. */
function after(sk: string): string {
  return `${sk}\0`;
}
