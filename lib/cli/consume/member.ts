/** Reads as a member of a consumer group. A record is done when it is written, and what is written is committed. */
import type { MillraceClient } from '../../client/client.ts';
import type { ConsumerRecord } from '../../client/consumer/record.ts';
import { MillraceClientError } from '../../client/errors.ts';
import { bytes } from '../../client/producer/serializers.ts';
import type { ClientRecord } from '../../client/records.ts';
import { utf8 } from '../../kernel/bytes.ts';
import type { Source } from './formats.ts';

const LOSSES: ReadonlySet<string> = new Set(['PARTITION_NOT_ASSIGNED', 'UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH']);

export interface MemberOptions {
  client: MillraceClient;
  group: string;
  topic: string;
  /** Where nothing is committed. */
  from: 'earliest' | 'latest';
  count: number;
  /** Aborts where nobody wants more. */
  signal: AbortSignal;
  write: (records: readonly ClientRecord<'bytes'>[], of: Source) => Promise<void>;
  onOutage: (error: MillraceClientError) => void;
  onRecovery: () => void;
}

export async function consumeAsMember(options: MemberOptions): Promise<void> {
  const { client, group, topic, from, signal, write, onOutage, onRecovery } = options;
  // A member would wait for a topic that is still to come, and for a server; whoever begins is told at once.
  await client.topics.describe(topic, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  let isOut = false;
  const consumer = client.consumer({
    group,
    topics: [topic],
    autoOffsetReset: from,
    commit: 'manual',
    keyDeserializer: bytes(),
    valueDeserializer: bytes(),
    signal,
    onRetry: (error) => {
      if (!isOut) onOutage(error);
      isOut = true;
    },
  });
  let left = options.count;
  try {
    for await (const { partition, records } of consumer.batches()) {
      if (isOut) onRecovery();
      isOut = false;
      const wanted = records.slice(0, left);
      await write(wanted.map(inBytes), { topic, partition });
      await wanted.at(-1)?.commit().catch(passOverLoss);
      left -= wanted.length;
      if (left === 0) break;
    }
  } finally {
    await consumer.close();
  }
}

function inBytes({ offset, timestamp, key, value, headers }: ConsumerRecord<Uint8Array, Uint8Array>) {
  return {
    offset,
    timestamp,
    key,
    value,
    headers: headers.map(({ key: name, value: of }) => ({ key: name, value: typeof of === 'string' ? utf8(of) : of })),
  };
}

/** Who has the partition by now prints the records again: that is what a group does with a member that was away. */
function passOverLoss(error: unknown): void {
  if (!(error instanceof MillraceClientError) || !LOSSES.has(error.code)) throw error;
}
