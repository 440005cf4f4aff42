/** What a producer can be told, and what it does when it is not. */

import { clientLimits } from '../../kernel/limits/client.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { Acks } from '../api.ts';
import { numbersOf, oneOf } from '../check-options.ts';
import { PARTITIONER_NAMES, type Partitioner, type PartitionerName } from './partitioners.ts';
import type { Delivery } from './record.ts';
import { content, type Serializer } from './serializers.ts';

/** Names of Kafka's configs are in brackets. */
export interface ProducerOptions<Key, Value> {
  /** Default: bytes and text as they are, everything else as its JSON text. [key.serializer] */
  keySerializer?: Serializer<Key>;
  /** [value.serializer] */
  valueSerializer?: Serializer<Value>;
  /** Default `byKey`. [partitioner.class] */
  partitioner?: PartitionerName | Partitioner<Key, Value>;
  /** Default `all`. [acks] */
  acks?: Acks;
  /**
   * Default true, but with acks `none`: a batch whose answer got lost is sent again under the same sequence, and
   * written once. Without it such a batch fails with `effect: unknown`. [enable.idempotence]
   */
  idempotence?: boolean;
  /** How long a batch waits for more records. Default 5. [linger.ms] */
  lingerMs?: number;
  /** A batch is closed before it gets larger. Default 512 KiB, at most 4 MiB. [batch.size] */
  batchBytesMax?: number;
  /** Default 5,000. */
  batchRecordsMax?: number;
  /** Requests at a time, over all partitions; one partition has one at a time. Default 5. [max.in.flight.requests…] */
  inFlightMax?: number;
  /** Bytes of records that are sent and not settled. Default 32 MiB. [buffer.memory] */
  bufferBytesMax?: number;
  /** What `send` does when the buffer is full: wait for room (default), or reject with `BUFFER_FULL`. */
  whenFull?: 'wait' | 'reject';
  /** How long a record may wait for room in the buffer, and for what its topic is. Default 60,000. [max.block.ms] */
  waitMsMax?: number;
  /** From when a record is in a batch to its receipt, all retries included. Default 120,000. [delivery.timeout.ms] */
  deliveryTimeoutMs?: number;
  /** How long a topic's number of partitions is believed. Default 300,000. [metadata.max.age.ms] */
  topicAgeMsMax?: number;
  /**
   * Called for every record when it is settled, before its `send` is. With it, nobody needs to await `send`: a
   * rejection that nobody looks at is no error then. What it throws is thrown at the top, as from an event handler.
   */
  onDelivery?: (delivery: Delivery<Key, Value>) => void;
}

type Erased = Required<Omit<ProducerOptions<unknown, unknown>, 'onDelivery'>> &
  Pick<ProducerOptions<unknown, unknown>, 'onDelivery'>;

/** All options, with their defaults. */
export type ProducerSettings = Readonly<Erased>;

const NUMBERS = {
  lingerMs: { value: clientLimits.clientLingerMsDefault, min: 0, max: clientLimits.clientLingerMsMax },
  batchBytesMax: { value: clientLimits.clientBatchBytesDefault, min: 1, max: requestLimits.requestBodyBytesMax },
  batchRecordsMax: { value: clientLimits.clientBatchRecordsDefault, min: 1, max: requestLimits.recordsPerRequestMax },
  inFlightMax: { value: clientLimits.clientInFlightDefault, min: 1, max: clientLimits.clientInFlightMax },
  bufferBytesMax: { value: clientLimits.clientBufferBytesDefault, min: 1, max: clientLimits.clientBufferBytesMax },
  waitMsMax: { value: clientLimits.clientWaitMsDefault, min: 0, max: clientLimits.clientTimeMsMax },
  deliveryTimeoutMs: { value: clientLimits.clientDeliveryTimeoutMsDefault, min: 1, max: clientLimits.clientTimeMsMax },
  topicAgeMsMax: { value: clientLimits.clientTopicAgeMsDefault, min: 0, max: clientLimits.clientTimeMsMax },
} as const;

const OTHERS = [
  'keySerializer',
  'valueSerializer',
  'partitioner',
  'acks',
  'idempotence',
  'whenFull',
  'onDelivery',
] as const;

/**
 * Throws `TypeError` for an option that there is not or that is of another kind, `RangeError` for a number out of
 * range.
 */
export function settingsOf<Key, Value>(options: ProducerOptions<Key, Value>): ProducerSettings {
  const names: string[] = [...Object.keys(NUMBERS), ...OTHERS];
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`there is no producer option "${unknown}"; there are ${names.toSorted().join(', ')}`);
  }
  const given = options as ProducerOptions<unknown, unknown>;
  const acks = oneOf('acks', given.acks ?? 'all', ['all', 'leader', 'none']);
  const idempotence = given.idempotence ?? acks !== 'none';
  if (typeof idempotence !== 'boolean') throw new TypeError('idempotence must be true or false');
  if (idempotence && acks === 'none') {
    throw new TypeError('idempotence needs answers: with acks "none" it must be false or absent');
  }
  const settings: ProducerSettings = {
    ...numbersOf(NUMBERS, given),
    keySerializer: serializerOf('keySerializer', given.keySerializer),
    valueSerializer: serializerOf('valueSerializer', given.valueSerializer),
    partitioner: partitionerOf(given.partitioner),
    acks,
    idempotence,
    whenFull: oneOf('whenFull', given.whenFull ?? 'wait', ['wait', 'reject']),
    onDelivery: given.onDelivery,
  };
  if (settings.onDelivery !== undefined && typeof settings.onDelivery !== 'function') {
    throw new TypeError('onDelivery must be a function');
  }
  if (settings.deliveryTimeoutMs < settings.lingerMs) {
    throw new RangeError(
      `deliveryTimeoutMs ${settings.deliveryTimeoutMs} is shorter than lingerMs ${settings.lingerMs}`,
    );
  }
  return settings;
}

function serializerOf(option: string, serializer: Serializer<unknown> | undefined): Serializer<unknown> {
  if (serializer === undefined) return content;
  if (typeof (serializer as Partial<Serializer<unknown>> | null)?.serialize === 'function') return serializer;
  throw new TypeError(`${option} has no function serialize`);
}

function partitionerOf(partitioner: ProducerSettings['partitioner'] = 'byKey'): ProducerSettings['partitioner'] {
  return typeof partitioner === 'function' ? partitioner : oneOf('partitioner', partitioner, PARTITIONER_NAMES);
}
