/** The topics in the order of their names, a page at a time. A topic that is being deleted is not listed. */
import { decodeDirectoryEntry, TOPIC_DIRECTORY, type TopicSummary } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { type DirectoryRequest, readDirectory } from '../read-directory.ts';

export interface ListTopicsResult {
  topics: TopicSummary[];
  /** The cursor of the next page; absent at the end. */
  next?: string;
}

/** Throws `INVALID_REQUEST` for a limit out of range or a cursor that is none. */
export async function listTopics(broker: Broker, request: DirectoryRequest = {}): Promise<ListTopicsResult> {
  const { entries, next } = await readDirectory(broker.metadata, TOPIC_DIRECTORY, request, decodeDirectoryEntry);
  return next === undefined ? { topics: entries } : { topics: entries, next };
}
