/**
 * A topic's items agree: topic, entry of the directory and claim come and go in the same transactions. They are read
 * one after the other, and a transaction may come between: so the item that decides is read before and after the
 * others, and they are judged only where it has not changed meanwhile.
 */
import { checkLimits } from '../../kernel/limits/check.ts';
import type { Topic } from '../../log/topic/topic.ts';
import {
  claimKey,
  decodeClaim,
  decodeDirectoryEntry,
  decodeTopic,
  directoryKey,
  type TopicSummary,
  topicKey,
} from '../../log/topic/topic-item.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';
import { decoded } from './unreadable.ts';

/** From the topic's item: it is listed as it is, and has its claim. */
export async function checkTopicItem(context: CheckContext, name: string): Promise<Finding[]> {
  for (let attempt = 0; attempt < checkLimits.checkAttemptsMax; attempt++) {
    const topic = await readTopic(context, name);
    if (topic === undefined) return [];
    if ('reason' in topic) {
      return [
        finding(
          'item-unreadable',
          { topic: name, item: topicKey(name) },
          `The topic ${name} cannot be read: ${topic.reason}.`,
        ),
      ];
    }
    if (topic.state === 'deleting') return [];
    const found = [...(await entryFindings(context, topic)), ...(await claimFindings(context, topic))];
    if (found.length === 0 || (await isUnchanged(context, topic))) return found;
  }
  context.counts.unjudged++;
  return [];
}

/** From an entry of the directory: there is the topic. What else is to be said of it is said from the topic's side. */
export async function checkEntry(context: CheckContext, name: string): Promise<Finding[]> {
  const item = directoryKey(name);
  return checkLeading(context, name, {
    isThere: async () => (await context.broker.metadata.get(item, 'strong')) !== undefined,
    found: finding('topic-entry-stray', { topic: name, item }, `The topic ${name} is listed, and there is none.`),
  });
}

/** From the claim that a name has on those that differ in `.` and `_` only. */
export async function checkClaim(context: CheckContext, pk: string): Promise<Finding[]> {
  const item = { pk, sk: 'claim' };
  const read = async () => {
    const attributes = await context.broker.metadata.get(item, 'strong');
    return attributes && decoded(() => decodeClaim(attributes));
  };
  const claim = await read();
  if (claim === undefined) return [];
  const { value: name, reason } = claim;
  if (name === undefined) return [finding('item-unreadable', { item }, `The claim ${pk} cannot be read: ${reason}.`)];
  return checkLeading(context, name, {
    isThere: async () => (await read())?.value === name,
    found: finding('claim-stray', { topic: name, item }, `The name ${name} is claimed by a topic that is not there.`),
  });
}

/**
 * What leads to a topic is there only while the topic is ready. Twice: a name may be deleted and made anew between
 * reads.
 */
async function checkLeading(
  context: CheckContext,
  name: string,
  { isThere, found }: { isThere: () => Promise<boolean>; found: Finding },
): Promise<Finding[]> {
  for (let look = 0; look < 2; look++) {
    if (!(await isThere())) return [];
    const topic = await readTopic(context, name);
    if (topic !== undefined && ('reason' in topic || topic.state === 'ready')) return [];
    if (!(await isThere())) return [];
  }
  return [found];
}

async function entryFindings({ broker }: CheckContext, topic: Topic): Promise<Finding[]> {
  const item = directoryKey(topic.name);
  const place = { topic: topic.name, item };
  const attributes = await broker.metadata.get(item, 'strong');
  if (attributes === undefined) {
    return [finding('topic-unlisted', place, `The topic ${topic.name} is there, and not listed.`)];
  }
  const { value: entry, reason } = decoded(() => decodeDirectoryEntry(topic.name, attributes));
  const difference = reason ?? (entry && differenceOf(entry, topic));
  if (difference === undefined) return [];
  return [
    finding('topic-entry-disagrees', place, `The topic ${topic.name} is listed otherwise than it is: ${difference}.`),
  ];
}

function differenceOf(entry: TopicSummary, topic: Topic): string | undefined {
  for (const name of ['topicId', 'partitions', 'replicationFactor'] as const) {
    if (entry[name] !== topic[name]) return `its ${name} is ${topic[name]}, and ${entry[name]} in the list`;
  }
  return undefined;
}

async function claimFindings({ broker }: CheckContext, { name }: Topic): Promise<Finding[]> {
  const item = claimKey(name);
  if (item === undefined) return [];
  const attributes = await broker.metadata.get(item, 'strong');
  if (attributes !== undefined && decoded(() => decodeClaim(attributes)).value === name) return [];
  return [finding('claim-missing', { topic: name, item }, `Nothing keeps other topics from names like ${name}.`)];
}

async function isUnchanged(context: CheckContext, { name, topicId, version }: Topic): Promise<boolean> {
  const now = await readTopic(context, name);
  return now !== undefined && !('reason' in now) && now.topicId === topicId && now.version === version;
}

async function readTopic({ broker }: CheckContext, name: string): Promise<Topic | { reason: string } | undefined> {
  const attributes = await broker.metadata.get(topicKey(name), 'strong');
  if (attributes === undefined) return undefined;
  const { value, reason } = decoded(() => decodeTopic(name, attributes));
  return value ?? { reason: reason ?? '' };
}
