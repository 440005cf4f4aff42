/** Asking where the bytes of a stretch lie, and whether reading them there is worth it. */
import { clientLimits } from '../../kernel/limits/client.ts';
import type { JsonPlan, JsonPlannedBytes, JsonPlannedRange } from '../api.ts';
import { fromBase64 } from '../base64.ts';
import type { TopicPartition } from '../consumer/options.ts';
import { jsonOf, type Transport } from '../transport.ts';

interface Stretch {
  baseOffset: number;
  lastOffset: number;
}

/** One range of one object; its URL gives these bytes and no others. */
export interface PlannedRange extends Stretch {
  source: 'url';
  url: string;
  /** To be sent: they are signed with the URL. */
  headers: Record<string, string>;
  bytes: number;
  crc32c: number;
  /**
   * Of the batches. `relative`: they follow each other from `baseOffset` on. `absolute`: they have their own, perhaps
   * with gaps; the first may begin before `baseOffset`, and the last end after `lastOffset`.
   */
  offsets: 'relative' | 'absolute';
}

/** Batches that came with the plan, offsets in place. */
export interface PlannedBytes extends Stretch {
  source: 'bytes';
  batches: Uint8Array;
}

export type PlannedSegment = PlannedRange | PlannedBytes;

export interface Plan {
  segments: PlannedSegment[];
  nextOffset: number;
}

export type Planner = (from: TopicPartition & { offset: number }, signal: AbortSignal) => Promise<Plan>;

/** `send` makes one attempt: whoever reads directly has ordinary fetches to go back to. */
export function planner(send: Transport): Planner {
  return async ({ topic, partition, offset }, signal) => {
    const answer = await send({
      method: 'GET',
      path: ['v1', 'topics', topic, 'partitions', partition, 'plan'],
      query: { offset, max_bytes: clientLimits.clientPlanBytes },
      signal,
    });
    const { segments, next_offset: nextOffset } = jsonOf(answer) as JsonPlan;
    return { segments: segments.map(segmentOf), nextOffset };
  };
}

function segmentOf(json: JsonPlannedRange | JsonPlannedBytes): PlannedSegment {
  const { base_offset: baseOffset, last_offset: lastOffset } = json;
  if ('batches_base64' in json) {
    return { source: 'bytes', batches: fromBase64(json.batches_base64), baseOffset, lastOffset };
  }
  const { url, headers, bytes, crc32c, offsets = 'relative' } = json;
  return { source: 'url', url, headers, bytes, crc32c, offsets, baseOffset, lastOffset };
}

/**
 * The plan up to the first range that is larger than the memory for ranges; `undefined` where what is left is not worth
 * it: near the end of the partition, or where its history is still in many small pieces.
 */
export function worthReading(plan: Plan, bytesMax: number): Plan | undefined {
  const large = plan.segments.findIndex((segment) => bytesOf(segment) > bytesMax);
  const segments = large < 0 ? plan.segments : plan.segments.slice(0, large);
  const ranges = segments.filter(({ source }) => source === 'url');
  const bytes = ranges.reduce((sum, range) => sum + bytesOf(range), 0);
  if (bytes < Math.max(clientLimits.clientDirectBytesMin, ranges.length * clientLimits.clientDirectRangeBytesMin))
    return undefined;
  return large < 0 ? plan : { segments, nextOffset: (plan.segments[large] as PlannedSegment).baseOffset };
}

/** What the segment takes of the memory for ranges. What came with the plan is there already, and small. */
export function bytesOf(segment: PlannedSegment): number {
  return segment.source === 'url' ? segment.bytes : 0;
}
