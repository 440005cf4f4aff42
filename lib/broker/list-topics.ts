/** The topics in the order of their names (by bytes), a page at a time. A topic that is being deleted is not listed. */
import { fromBase64Url, toBase64Url, utf8, utf8Text } from '../kernel/bytes.ts';
import { MillraceError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import { validateTopicName } from '../log/topic/name.ts';
import { decodeDirectoryEntry, TOPIC_DIRECTORY, type TopicSummary } from '../log/topic/topic-item.ts';
import type { Broker } from './broker.ts';

export interface ListTopicsRequest {
  /** 1 to `limits.listPageMax`; `limits.listPageDefault` where absent. */
  limit?: number;
  /** The `next` of an earlier page. */
  cursor?: string;
}

export interface ListTopicsResult {
  topics: TopicSummary[];
  /** The cursor of the next page; absent at the end. */
  next?: string;
}

/** Throws `INVALID_REQUEST` for a limit out of range or a cursor that is none. */
export async function listTopics(broker: Broker, request: ListTopicsRequest = {}): Promise<ListTopicsResult> {
  const limit = checkPageLimit(request.limit);
  let from = request.cursor === undefined ? undefined : after(decodeCursor(request.cursor));
  const topics: TopicSummary[] = [];
  // One more than asked for, to know whether there is a next page. A store may answer less than asked for; each round
  // brings at least one entry or the end.
  do {
    const page = await broker.metadata.query({
      pk: TOPIC_DIRECTORY,
      from,
      limit: limit + 1 - topics.length,
      consistency: 'strong',
    });
    for (const item of page.items) topics.push(decodeDirectoryEntry(item.key.sk, item.attributes));
    from = page.next;
  } while (from !== undefined && topics.length <= limit);
  if (topics.length <= limit) return { topics };
  topics.length = limit;
  return { topics, next: toBase64Url(utf8((topics[limit - 1] as TopicSummary).name)) };
}

/** A page's length as asked for, or the default. Throws `INVALID_REQUEST`. */
export function checkPageLimit(limit: number = limits.listPageDefault): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.listPageMax) {
    throw new MillraceError('INVALID_REQUEST', `limit ${limit} is not a whole number from 1 to ${limits.listPageMax}`);
  }
  return limit;
}

/** A cursor is the name of the page's last topic. */
function decodeCursor(cursor: string): string {
  const bytes = fromBase64Url(cursor);
  const name = bytes && utf8Text(bytes);
  if (name === undefined || validateTopicName(name) !== undefined) {
    throw new MillraceError('INVALID_REQUEST', 'the cursor is not one that a list of topics returned');
  }
  return name;
}

/** The smallest sort key above this one. */
function after(sk: string): string {
  return `${sk}\0`;
}
