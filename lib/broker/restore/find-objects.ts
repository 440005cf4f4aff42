/**
 * All merged objects of the bucket, by whose they are, as their footers say. In memory is what an item of a segment
 * has, some hundred bytes an object.
 */
import { crc32c } from '../../kernel/crc32c.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { restoreLimits } from '../../kernel/limits/restore.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { FoundSegment } from '../../log/merged/choose-segments.ts';
import { encodeSegmentFooter, itemOfFooter, type SegmentFooter } from '../../log/merged/segment-footer.ts';
import { objectName, parseObjectName } from '../../log/segment/object-name.ts';
import type { Broker } from '../broker.ts';
import { type MergedObject, readMergedObject } from '../lifecycle/merged-object.ts';

export interface FoundTopic {
  name: string;
  /** By partition. */
  partitions: Map<number, FoundSegment[]>;
}

export interface UnusableObject {
  object: string;
  /** For the end of a sentence. */
  reason: string;
}

export interface FoundObjects {
  topics: Map<TopicId, FoundTopic>;
  /** Of nobody knows which partition. */
  unusable: UnusableObject[];
  /** All of them. */
  objects: number;
}

export interface FindOptions {
  /** Names of objects that count as not there. */
  without: ReadonlySet<string>;
  signal: AbortSignal;
  /** After each page of the list. */
  onProgress: (objects: number) => void;
}

/** Throws where a store does not answer. What the signal interrupts is not complete. */
export async function findObjects(broker: Broker, { without, signal, onProgress }: FindOptions): Promise<FoundObjects> {
  const found: FoundObjects = { topics: new Map(), unusable: [], objects: 0 };
  // Several replicas list what each of them has.
  const listed = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await broker.objects.list('merged/', cursor);
    const names = page.objects.map(({ name }) => name).filter((name) => !without.has(name) && !listed.has(name));
    for (const name of names) listed.add(name);
    await mapBounded(names, restoreLimits.restoreFootersInFlightMax, (name) => examine(broker, name, found));
    found.objects = listed.size;
    onProgress(found.objects);
    cursor = page.next;
  } while (cursor !== undefined && !signal.aborted);
  return found;
}

async function examine(broker: Broker, name: string, found: FoundObjects): Promise<void> {
  const read = await readUsable(broker, name);
  if (read === undefined) return;
  if (typeof read === 'string') {
    found.unusable.push({ object: name, reason: read });
    return;
  }
  const { footer, footerBytes } = read;
  const topic = found.topics.get(footer.topicId) ?? { name: footer.topic, partitions: new Map() };
  found.topics.set(footer.topicId, topic);
  const candidate = {
    segment: itemOfFooter(footer, footerBytes),
    version: footer.version,
    contents: contentsOf(footer),
  };
  const others = topic.partitions.get(footer.partition);
  if (others === undefined) topic.partitions.set(footer.partition, [candidate]);
  else others.push(candidate);
}

/** Or why it is of no use; `undefined`: it is gone. */
async function readUsable(broker: Broker, name: string): Promise<MergedObject | string | undefined> {
  if (parseObjectName(name) === undefined) return 'it has a name that no object gets';
  try {
    const read = await readMergedObject(broker, name);
    if (read === undefined) return undefined;
    const { bytes, footerBytes } = itemOfFooter(read.footer, read.footerBytes);
    if (objectName('merged', read.footer.object) !== name)
      return 'it is another one, by its footer, than its name says';
    if (read.objectBytes === bytes + footerBytes) return read;
    return `it has ${read.objectBytes} bytes, and by its footer ${bytes + footerBytes}`;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'CORRUPT_MESSAGE') return error.message;
    throw error;
  }
}

const NO_ID = { birthMs: 0, random: new Uint8Array(8) };

/** Of all that the footer says but which object it is of. */
function contentsOf(footer: SegmentFooter): number {
  return crc32c(encodeSegmentFooter({ ...footer, object: NO_ID }));
}
