/** Judges what a function was given of a topic: order, at least once, single flight; by what its platform has seen. */
import type { MSKEvent } from 'aws-lambda';
import type { Invocation } from '../support/lambda-service.ts';

export interface Delivery {
  /** Of the request. */
  id: string;
  partition: number;
  offsets: number[];
  startedMs: number;
  endedMs: number;
  /** All before this offset is done; -1 where the function failed as a whole. */
  doneBefore: number;
}

export interface Judged {
  /** What was wrong, in words; empty where nothing was. */
  faults: string[];
  /** Records that were processed more than once. */
  repeated: number;
  /** The most invocations at once, of any partitions. */
  concurrent: number;
}

export function deliveryOf({ id, event, startedMs, endedMs, outcome }: Invocation): Delivery {
  const records = Object.values((event as MSKEvent).records).flat();
  const offsets = records.map(({ offset }) => offset);
  const partitions = new Set(records.map(({ partition }) => partition));
  if (partitions.size !== 1) throw new Error(`an event has records of ${partitions.size} partitions`);
  const [partition] = partitions as Set<number> & Iterable<number>;
  return { id, partition: partition as number, offsets, startedMs, endedMs, doneBefore: doneBefore(offsets, outcome) };
}

function doneBefore(offsets: readonly number[], outcome: Invocation['outcome']): number {
  if (outcome.kind !== 'answer') return -1;
  const { batchItemFailures } = outcome.payload as { batchItemFailures: { itemIdentifier: { offset: number } }[] };
  return batchItemFailures[0]?.itemIdentifier.offset ?? (offsets.at(-1) as number) + 1;
}

export interface Expected {
  /** Of each partition: one past its last offset. */
  ends: readonly number[];
  isPoison: (partition: number, offset: number) => boolean;
}

export function judge(deliveries: readonly Delivery[], { ends, isPoison }: Expected): Judged {
  const judged: Judged = { faults: [], repeated: 0, concurrent: mostAtOnce(deliveries) };
  for (const [partition, end] of ends.entries()) {
    const own = deliveries.filter((delivery) => delivery.partition === partition);
    judgePartition(own, { partition, end, isPoison }, judged);
  }
  return judged;
}

function judgePartition(
  deliveries: readonly Delivery[],
  { partition, end, isPoison }: { partition: number; end: number; isPoison: Expected['isPoison'] },
  judged: Judged,
): void {
  /** All below was processed, or is poison that was tried and passed over. */
  let frontier = 0;
  let endedMs = Number.NEGATIVE_INFINITY;
  const tried = new Set<number>();
  const fault = (text: string) => judged.faults.push(`partition ${partition}: ${text}`);
  const passPoison = () => {
    while (isPoison(partition, frontier) && tried.has(frontier)) frontier++;
  };
  for (const delivery of deliveries.toSorted((a, b) => a.startedMs - b.startedMs)) {
    const [first] = delivery.offsets as [number];
    if (delivery.startedMs < endedMs) fault(`two invocations at once, the second from ${first}`);
    endedMs = Math.max(endedMs, delivery.endedMs);
    if (delivery.offsets.some((offset, index) => offset !== first + index)) fault(`a gap in a batch from ${first}`);
    if (first > frontier) passPoison();
    if (first > frontier) fault(`${first} came before ${frontier} was done`);
    const done = delivery.doneBefore;
    judged.repeated += Math.max(0, Math.min(frontier, done) - first);
    frontier = Math.max(frontier, done);
    for (const offset of delivery.offsets) if (offset >= done) tried.add(offset);
  }
  passPoison();
  if (frontier !== end) fault(`${frontier} of ${end} records are done`);
}

function mostAtOnce(deliveries: readonly Delivery[]): number {
  const edges = deliveries.flatMap(({ startedMs, endedMs }) => [
    { atMs: startedMs, change: 1 },
    { atMs: endedMs, change: -1 },
  ]);
  let now = 0;
  let most = 0;
  for (const { change } of edges.toSorted((a, b) => a.atMs - b.atMs || a.change - b.change)) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}
