/**
 * The three items of a topic. They appear and go in transactions of their own kind (topic-writes.ts), so that each is
 * there exactly when the others are.
 *
 * The topic, `topic#<name>` / `config`:
 *
 *     topicId            string   22 characters of base64url
 *     partitions         number
 *     replicationFactor  number
 *     ledgerPartitions   number   `ledger.partitions` at creation, also where that was the default
 *     configs            map      the configs that were set, name → text
 *     version            number   1 at creation, + 1 with every change: the condition of the next change
 *     state              string   ready | deleting
 *
 * Its entry in the directory, `topics` / `<name>`, which is what listing reads: topicId, partitions,
 * replicationFactor, as above. A topic that is being deleted has none.
 *
 * For a name with `.` or `_`, the claim on its unified form, `topic#<name with . as _>` / `claim`, which keeps colliding
 * names out (see name.ts):
 *
 *     name  string   the topic's own name
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { topicConfigValues } from './config.ts';
import { collisionName, hasCollisionCharacters } from './name.ts';
import type { Topic } from './topic.ts';

export function topicKey(name: string): ItemKey {
  return { pk: `topic#${name}`, sk: 'config' };
}

export function encodeTopic(topic: Topic): Attributes {
  return {
    topicId: topic.topicId,
    partitions: topic.partitions,
    replicationFactor: topic.replicationFactor,
    ledgerPartitions: topic.ledgerPartitions,
    configs: { ...topic.overrides },
    version: topic.version,
    state: topic.state,
  };
}

export function decodeTopic(name: string, attributes: Attributes): Topic {
  const { topicId, partitions, replicationFactor, ledgerPartitions, configs, version, state } = attributes;
  assert(typeof topicId === 'string', `topic ${name} has a topicId`);
  assert(typeof partitions === 'number', `topic ${name} has partitions`);
  assert(typeof replicationFactor === 'number', `topic ${name} has a replicationFactor`);
  assert(typeof ledgerPartitions === 'number', `topic ${name} has ledgerPartitions`);
  assert(typeof version === 'number', `topic ${name} has a version`);
  assert(state === 'ready' || state === 'deleting', `topic ${name} is ready or deleting`);
  assert(isTextMap(configs), `topic ${name} has configs`);
  const overrides = { ...configs };
  // The pinned number, not today's default: the ledgers were laid out with it.
  const config = { ...topicConfigValues(overrides), 'ledger.partitions': ledgerPartitions };
  return { name, topicId, partitions, replicationFactor, ledgerPartitions, overrides, config, version, state };
}

/** What a list shows of a topic. */
export interface TopicSummary {
  name: string;
  topicId: string;
  partitions: number;
  replicationFactor: number;
}

/** The partition key of the directory. */
export const TOPIC_DIRECTORY = 'topics';

export function directoryKey(name: string): ItemKey {
  return { pk: TOPIC_DIRECTORY, sk: name };
}

export function encodeDirectoryEntry(topic: TopicSummary): Attributes {
  return { topicId: topic.topicId, partitions: topic.partitions, replicationFactor: topic.replicationFactor };
}

export function decodeDirectoryEntry(name: string, attributes: Attributes): TopicSummary {
  const { topicId, partitions, replicationFactor } = attributes;
  assert(typeof topicId === 'string', `directory entry ${name} has a topicId`);
  assert(typeof partitions === 'number', `directory entry ${name} has partitions`);
  assert(typeof replicationFactor === 'number', `directory entry ${name} has a replicationFactor`);
  return { name, topicId, partitions, replicationFactor };
}

/** The key of the name's claim; `undefined` for a name that no other can collide with. */
export function claimKey(name: string): ItemKey | undefined {
  return hasCollisionCharacters(name) ? { pk: `topic#${collisionName(name)}`, sk: 'claim' } : undefined;
}

export function encodeClaim(name: string): Attributes {
  return { name };
}

/** The name of the topic that has the claim. */
export function decodeClaim(attributes: Attributes): string {
  const { name } = attributes;
  assert(typeof name === 'string', 'a claim has a name');
  return name;
}

function isTextMap(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text: unknown) => typeof text === 'string')
  );
}
