/** Where reading begins and ends: `--from` and `--until`. */
import type { MillraceClient } from '../../client/client.ts';
import type { PartitionDetails } from '../../client/topics.ts';
import { cliLimits } from '../../kernel/limits/cli.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { UsageError } from '../failure.ts';
import { parseTime } from '../times.ts';

export type From =
  | { kind: 'earliest' }
  | { kind: 'latest' }
  | { kind: 'offset'; offset: number }
  /** So many records before the end of each partition. */
  | { kind: 'last'; count: number }
  | { kind: 'time'; ms: number };

export type Until =
  /** Goes on with what comes. */
  | { kind: 'never' }
  /** What is there when reading begins. */
  | { kind: 'end' }
  /** Up to this one, and without it. */
  | { kind: 'offset'; offset: number }
  /** Up to the first record of this time or later, and without it. */
  | { kind: 'time'; ms: number };

/** kcat's words beside Kafka's. */
const STARTS: Readonly<Record<string, From>> = {
  earliest: { kind: 'earliest' },
  beginning: { kind: 'earliest' },
  latest: { kind: 'latest' },
  end: { kind: 'latest' },
};

/** Throws `UsageError`. */
export function parseFrom(text: string, nowMs: number): From {
  const start = Object.hasOwn(STARTS, text) ? STARTS[text] : undefined;
  if (start !== undefined) return start;
  if (text.startsWith('@')) return { kind: 'time', ms: parseTime('--from', text, nowMs) };
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) };
  if (/^-\d{1,15}$/.test(text)) return { kind: 'last', count: -Number(text) };
  throw new UsageError(
    `--from is "${text}", not earliest, latest, an offset, -<n> for the last n of each partition, or @<time>`,
  );
}

/** Throws `UsageError`. */
export function parseUntil(text: string, nowMs: number): Until {
  if (text === 'end') return { kind: 'end' };
  if (text.startsWith('@')) return { kind: 'time', ms: parseTime('--until', text, nowMs) };
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) };
  throw new UsageError(`--until is "${text}", not end, an offset, or @<time>`);
}

/** One partition, and how far it is read. */
export interface Cursor {
  readonly partition: number;
  /** The offset to go on with. */
  next: number;
  /** The first offset that is not read; `undefined`: offsets end nothing. */
  readonly stop: number | undefined;
}

/**
 * Where each partition begins and ends. `latest` and the like are made offsets here, once: a poll that fails and is
 * sent again must not begin later than the first.
 */
export async function cursorsOf(
  client: MillraceClient,
  topic: string,
  details: readonly PartitionDetails[],
  from: From,
  until: Until,
): Promise<Cursor[]> {
  return mapBounded(details, cliLimits.cliRequestsInFlightMax, async (one) => ({
    partition: one.partition,
    next: await startOf(client, topic, one, from),
    stop: until.kind === 'end' ? one.highWatermark : until.kind === 'offset' ? until.offset : undefined,
  }));
}

async function startOf(
  client: MillraceClient,
  topic: string,
  { partition, logStartOffset, highWatermark }: PartitionDetails,
  from: From,
): Promise<number> {
  switch (from.kind) {
    case 'earliest':
      return logStartOffset;
    case 'latest':
      return highWatermark;
    case 'offset':
      return from.offset;
    case 'last':
      return Math.max(logStartOffset, highWatermark - from.count);
    case 'time': {
      const { offset } = await client.offsets(topic, partition, { timestamp: from.ms });
      return offset ?? highWatermark;
    }
  }
}
