/** What a consumer can be told, and what it does when it is not. */

import { clientLimits } from '../../kernel/limits/client.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { numbersOf, oneOf } from '../check-options.ts';
import { DIRECT_NUMBERS, type DirectReadingOptions, directOf } from '../direct/options.ts';
import type { MillraceClientError } from '../errors.ts';
import { type Deserializer, textOrBytes } from './deserializers.ts';

export interface TopicPartition {
  topic: string;
  partition: number;
}

/** Names of Kafka's configs are in brackets. */
export interface ConsumerOptions<Key, Value> extends DirectReadingOptions {
  /** The group id. [group.id] */
  group: string;
  /** The names of the topics; either these or `pattern`. */
  topics?: readonly string[];
  /**
   * All topics whose names match, those to come included: an expression in the syntax of RE2 that matches the whole
   * name, or a `RegExp` that matches any part of it, as far as RE2 has what is in it.
   */
  pattern?: string | RegExp;
  /** Default: text where the bytes are UTF-8, else the bytes. [key.deserializer] */
  keyDeserializer?: Deserializer<Key>;
  /** [value.deserializer] */
  valueDeserializer?: Deserializer<Value>;
  /**
   * `automatic` (default): an offset is committed when the record after it is asked for, with the next request; what is
   * not finished is delivered again. `manual`: nothing is committed but by `commit`. [enable.auto.commit]
   */
  commit?: 'automatic' | 'manual';
  /** Where to begin in a partition that the group has committed nothing of. Default `latest`. [auto.offset.reset] */
  autoOffsetReset?: 'latest' | 'earliest' | 'none';
  /**
   * Makes the member a static one: whoever comes back with the same id within the session timeout gets the same
   * partitions. Two at a time with one id: the newer one fences the other. [group.instance.id]
   */
  instanceId?: string;
  /** Default: the group's. [group.remote.assignor] */
  assignor?: 'range' | 'uniform' | 'sticky';
  /** Records of one answer; there is at most one answer in advance. Default 500. [max.poll.records] */
  maxRecords?: number;
  /** Bytes of one answer, about. Default 1 MiB. [fetch.max.bytes] */
  maxBytes?: number;
  /**
   * How long the server waits for records before it answers that there are none. Default 10,000. [fetch.max.wait.ms]
   */
  waitMs?: number;
  /** After how much silence the member is taken for dead. Default 45,000. [session.timeout.ms] */
  sessionTimeoutMs?: number;
  /**
   * How long the member may take to give up what is revoked; then it is lost. Default 300,000. [max.poll.interval.ms]
   */
  rebalanceTimeoutMs?: number;
  /**
   * How long the application may go without asking for the next record, its callbacks included, before the consumer
   * takes it to hang: it leaves the group, so that others have its partitions (a static member only falls silent, and
   * is lost with its session). When the application does ask, it is told what it lost (`onLost`), and the iteration
   * goes on as a new member. Default 300,000. [max.poll.interval.ms]
   */
  maxPollIntervalMs?: number;
  /** Partitions that the consumer has got. Awaited before their first records are handed out. */
  onAssigned?: (partitions: TopicPartition[]) => void | Promise<void>;
  /**
   * Partitions that are to be given up, or that `close` gives up. They are the consumer's own until what this returns
   * is settled: commits in it are taken.
   */
  onRevoked?: (partitions: TopicPartition[]) => void | Promise<void>;
  /** Partitions that are another member's by now: nothing can be committed any more. */
  onLost?: (partitions: TopicPartition[]) => void | Promise<void>;
  /** A request failed and is made again after this pause, for as long as it takes. */
  onRetry?: (error: MillraceClientError, pauseMs: number) => void;
  /** Ends the consumer as `close` does, when the application has finished what it was handed. */
  signal?: AbortSignal;
}

type Callbacks = 'onAssigned' | 'onRevoked' | 'onLost' | 'onRetry' | 'onFallback';
type Optional = Callbacks | 'instanceId' | 'assignor' | 'signal';

/** All options, with their defaults. */
export type ConsumerSettings = Readonly<
  Required<Omit<ConsumerOptions<unknown, unknown>, Optional | 'topics' | 'pattern'>> &
    Pick<ConsumerOptions<unknown, unknown>, Optional> & { topics?: readonly string[]; pattern?: string }
>;

const ASSIGNORS = ['range', 'uniform', 'sticky'] as const;

const NUMBERS = {
  ...DIRECT_NUMBERS,
  maxRecords: { value: requestLimits.fetchRecordsDefault, min: 1, max: requestLimits.fetchRecordsMax },
  maxBytes: { value: requestLimits.fetchBytesDefault, min: 1, max: requestLimits.fetchBytesMax },
  waitMs: { value: clientLimits.clientPollWaitMsDefault, min: 0, max: requestLimits.fetchWaitMsMax },
  sessionTimeoutMs: {
    value: groupLimits.groupSessionTimeoutMsDefault,
    min: groupLimits.groupSessionTimeoutMsMin,
    max: groupLimits.groupSessionTimeoutMsMax,
  },
  rebalanceTimeoutMs: {
    value: groupLimits.groupRebalanceTimeoutMsDefault,
    min: 1,
    max: groupLimits.groupRebalanceTimeoutMsMax,
  },
  maxPollIntervalMs: { value: clientLimits.clientPollIntervalMsDefault, min: 1, max: clientLimits.clientTimeMsMax },
} as const;

const CALLBACKS = [
  'onAssigned',
  'onRevoked',
  'onLost',
  'onRetry',
  'onFallback',
] as const satisfies readonly Callbacks[];

const OTHERS = [
  'group',
  'topics',
  'pattern',
  'keyDeserializer',
  'valueDeserializer',
  'commit',
  'autoOffsetReset',
  'instanceId',
  'assignor',
  'direct',
  'signal',
] as const;

/**
 * Throws `TypeError` for an option that there is not or that is of another kind, `RangeError` for a number out of
 * range.
 */
export function consumerSettings<Key, Value>(options: ConsumerOptions<Key, Value>): ConsumerSettings {
  const names: string[] = [...Object.keys(NUMBERS), ...CALLBACKS, ...OTHERS];
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`there is no consumer option "${unknown}"; there are ${names.toSorted().join(', ')}`);
  }
  const given = options as ConsumerOptions<unknown, unknown>;
  const { group, instanceId, assignor, signal } = given;
  if (typeof group !== 'string' || group === '') throw new TypeError('group must be the id of a group');
  if (instanceId !== undefined && (typeof instanceId !== 'string' || instanceId === '')) {
    throw new TypeError('instanceId must be a text of at least one character');
  }
  for (const name of CALLBACKS) {
    if (given[name] !== undefined && typeof given[name] !== 'function') {
      throw new TypeError(`${name} must be a function`);
    }
  }
  return {
    group,
    ...subscriptionOf(given),
    ...numbersOf(NUMBERS, given),
    keyDeserializer: deserializerOf('keyDeserializer', given.keyDeserializer),
    valueDeserializer: deserializerOf('valueDeserializer', given.valueDeserializer),
    commit: oneOf('commit', given.commit ?? 'automatic', ['automatic', 'manual']),
    autoOffsetReset: oneOf('autoOffsetReset', given.autoOffsetReset ?? 'latest', ['latest', 'earliest', 'none']),
    instanceId,
    assignor: assignor === undefined ? undefined : oneOf('assignor', assignor, ASSIGNORS),
    direct: directOf(given.direct),
    signal,
    onAssigned: given.onAssigned,
    onRevoked: given.onRevoked,
    onLost: given.onLost,
    onRetry: given.onRetry,
    onFallback: given.onFallback,
  };
}

function subscriptionOf({ topics, pattern }: ConsumerOptions<unknown, unknown>): {
  topics?: readonly string[];
  pattern?: string;
} {
  if ((topics === undefined) === (pattern === undefined))
    throw new TypeError('one of topics and pattern must be given');
  if (pattern !== undefined) return { pattern: patternOf(pattern) };
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every((name) => typeof name === 'string')) {
    throw new TypeError('topics must be an array of at least one name');
  }
  return { topics: [...(topics as readonly string[])] };
}

/** What flags would change is refused, because the server knows none. */
const FLAGS_WITHOUT_MEANING = /^[dgsuv]*$/;

function patternOf(pattern: string | RegExp): string {
  if (typeof pattern === 'string') return pattern;
  if (!(pattern instanceof RegExp)) throw new TypeError('pattern must be a text or a RegExp');
  if (!FLAGS_WITHOUT_MEANING.test(pattern.flags)) {
    throw new TypeError(`the flags of ${String(pattern)} cannot be taken: i, m and y have no meaning to the server`);
  }
  return `.*(?:${pattern.source}).*`;
}

function deserializerOf(option: string, deserializer: Deserializer<unknown> | undefined): Deserializer<unknown> {
  if (deserializer === undefined) return textOrBytes;
  if (typeof (deserializer as Partial<Deserializer<unknown>> | null)?.deserialize === 'function') return deserializer;
  throw new TypeError(`${option} has no function deserialize`);
}
