/**
 * A consumer instance: what a client that holds nothing itself (the REST dialect) has a server remember for it, so that any
 * process answers its next request. Its membership is that of any member; here is only by which name it goes.
 *
 * Key: `instances#<group>` / `<name>`, apart from the group's own items, which are read together. Attributes:
 *
 *     v   number   version, + 1 with every write: the condition of the next one, together with `w`
 *     w   string   who wrote it: whoever does not hear of their write finds it by this
 *     u   number   last used, ms
 *     f   string   the format of its records: `binary`, `json`, `text`
 *     r   string   where it begins: `latest`, `earliest`, `none`
 *     a   boolean  whether what was delivered is committed with the next poll
 *     q   number   how long a poll may wait, ms; absent = as long as it asks for
 *     b   number   how many bytes it waits for; absent = for any
 *
 * Subscribed:
 *
 *     n   list     names of topics …
 *     p   string   … or a pattern of them
 *     m   string   the member's id; absent = has not joined yet
 *     c   string   the cursor of the last answer
 *     j   string   the join id of the next member, random: a poll that joins again, since nothing came of the one before, finds
 *                  the member that one has made
 *
 * Assigned by the client, member of nothing:
 *
 *     s   list     of maps: topic name t, topic id i, partition p, next offset o (absent = not known yet), d whether the group
 *                  is still to commit it
 */
import { assert } from '../../kernel/assert.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Attributes, Condition, ItemKey, Value, Write } from '../../kernel/items.ts';
import { mapsAt, numberAt, optionalNumber, optionalText, present, textAt, textsAt } from './attributes.ts';

export const INSTANCE_FORMATS = ['binary', 'json', 'text'] as const;
export type InstanceFormat = (typeof INSTANCE_FORMATS)[number];

export const INSTANCE_RESETS = ['latest', 'earliest', 'none'] as const;
export type InstanceReset = (typeof INSTANCE_RESETS)[number];

export interface InstancePosition {
  topic: string;
  topicId: TopicId;
  partition: number;
  offset?: number;
  fresh: boolean;
}

export type InstanceSource =
  | { source: 'nothing' }
  | {
      source: 'subscription';
      names?: readonly string[];
      pattern?: string;
      memberId?: string;
      cursor?: string;
      joinId?: string;
    }
  | { source: 'assignment'; positions: readonly InstancePosition[] };

export interface InstanceSettings {
  format: InstanceFormat;
  reset: InstanceReset;
  autoCommit: boolean;
  waitMsMax?: number;
  /** Fewer are answered only when the wait of the poll is over. Kafka: `fetch.min.bytes`. */
  minBytes?: number;
}

export interface ConsumerInstance extends InstanceSettings {
  version: number;
  writer: string;
  usedMs: number;
  from: InstanceSource;
}

/** The partition key of all instances of a group. */
export function instancesOf(group: string): string {
  return `instances#${group}`;
}

export interface InstanceId {
  group: string;
  name: string;
}

export function instanceKey({ group, name }: InstanceId): ItemKey {
  return { pk: instancesOf(group), sk: name };
}

export function encodeInstance(instance: ConsumerInstance): Attributes {
  const { from } = instance;
  return present<Attributes>({
    v: instance.version,
    w: instance.writer,
    u: instance.usedMs,
    f: instance.format,
    r: instance.reset,
    a: instance.autoCommit,
    q: instance.waitMsMax,
    b: instance.minBytes,
    ...(from.source === 'subscription' && {
      n: from.names?.slice(),
      p: from.pattern,
      m: from.memberId,
      c: from.cursor,
      j: from.joinId,
    }),
    ...(from.source === 'assignment' && { s: from.positions.map(encodePosition) }),
  });
}

export function decodeInstance(attributes: Attributes): ConsumerInstance {
  const format = INSTANCE_FORMATS.find((known) => known === attributes['f']);
  const reset = INSTANCE_RESETS.find((known) => known === attributes['r']);
  const autoCommit = attributes['a'];
  assert(format !== undefined && reset !== undefined, 'an instance has a format and a reset that are some');
  assert(typeof autoCommit === 'boolean', 'an instance commits by itself or does not');
  return present<ConsumerInstance>({
    version: numberAt(attributes, 'v'),
    writer: textAt(attributes, 'w'),
    usedMs: numberAt(attributes, 'u'),
    format,
    reset,
    autoCommit,
    waitMsMax: optionalNumber(attributes, 'q'),
    minBytes: optionalNumber(attributes, 'b'),
    from: decodeSource(attributes),
  });
}

function decodeSource(attributes: Attributes): InstanceSource {
  if (attributes['s'] !== undefined) {
    return { source: 'assignment', positions: mapsAt(attributes, 's').map(decodePosition) };
  }
  if (attributes['n'] === undefined && attributes['p'] === undefined) return { source: 'nothing' };
  return present<InstanceSource & { source: 'subscription' }>({
    source: 'subscription',
    names: attributes['n'] === undefined ? undefined : textsAt(attributes, 'n'),
    pattern: optionalText(attributes, 'p'),
    memberId: optionalText(attributes, 'm'),
    cursor: optionalText(attributes, 'c'),
    joinId: optionalText(attributes, 'j'),
  });
}

function encodePosition({ topic, topicId, partition, offset, fresh }: InstancePosition): Value {
  return present<Record<string, Value>>({ t: topic, i: topicId, p: partition, o: offset, d: fresh });
}

function decodePosition(map: Record<string, Value>): InstancePosition {
  return present<InstancePosition>({
    topic: textAt(map, 't'),
    topicId: textAt(map, 'i'),
    partition: numberAt(map, 'p'),
    offset: optionalNumber(map, 'o'),
    fresh: map['d'] === true,
  });
}

/** Replaces `before`, or nothing, if that is still what there is. */
export function planInstance(
  { group, name }: InstanceId,
  next: ConsumerInstance,
  before: ConsumerInstance | undefined,
): Write & { kind: 'put' } {
  const key = instanceKey({ group, name });
  return { kind: 'put', key, attributes: encodeInstance(next), conditions: still(before) };
}

export function planInstanceRemoval(id: InstanceId, before: ConsumerInstance): Write & { kind: 'delete' } {
  return { kind: 'delete', key: instanceKey(id), conditions: still(before) };
}

/** By the writer too, since versions begin anew with whoever takes the name of one that was deleted. */
function still(before: ConsumerInstance | undefined): Condition[] {
  if (before === undefined) return [{ clause: 'item-absent' }];
  return [
    { clause: 'equals', attribute: 'v', value: before.version },
    { clause: 'equals', attribute: 'w', value: before.writer },
  ];
}
