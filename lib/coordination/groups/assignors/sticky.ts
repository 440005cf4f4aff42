/**
 * `sticky`: totals are even, and nothing else moves.
 *
 * Where all members subscribe to the same topics, no two differ by more than one partition, and no assignment of which
 * that is true moves fewer. Where subscriptions differ, no partition could go from its owner to a subscriber that has
 * at least two fewer, unless `groupBalancingRoundsMax` rounds did not get that far.
 */
import { groupLimits } from '../../../kernel/limits/groups.ts';
import { byText, type TopicPartition } from '../partitions.ts';
import {
  type Assigned,
  type AssignorInput,
  assignedOf,
  type Holder,
  keepCurrent,
  nameOf,
  subscribersOf,
} from './assignor.ts';

export function assignSticky(input: AssignorInput): Assigned {
  const holders = keepCurrent(input);
  const topics = subscribersOf(holders, input.topics);
  const same = topics.every(({ subscribers }) => subscribers.length === holders.length);
  if (same)
    giveUpBeyondQuota(
      holders,
      topics.reduce((sum, { partitions }) => sum + partitions, 0),
    );
  const taken = new Set(holders.flatMap(({ held }) => held.map(nameOf)));
  // Topics that few can take come first: later there is less choice.
  const order = same ? topics : [...topics].sort((a, b) => a.subscribers.length - b.subscribers.length);
  for (const { topicId, partitions, subscribers } of order) {
    const queue = new LeastLoaded(subscribers);
    for (let partition = 0; partition < partitions; partition++) {
      if (!taken.has(nameOf({ topicId, partition }))) queue.give({ topicId, partition });
    }
  }
  if (!same) evenOut(topics);
  return assignedOf(holders);
}

/** Whoever has most may have one more than the others, where the numbers do not divide: that keeps the most. */
function giveUpBeyondQuota(holders: readonly Holder[], partitions: number): void {
  if (holders.length === 0) return;
  const each = Math.floor(partitions / holders.length);
  const more = partitions % holders.length;
  const byLoad = [...holders].sort((a, b) => b.held.length - a.held.length || byText(a.seat, b.seat));
  for (const [index, { held }] of byLoad.entries()) held.splice(each + (index < more ? 1 : 0));
}

/** The subscribers of a topic as a heap: the one with the fewest partitions on top, of equals the first by seat. */
class LeastLoaded {
  private readonly heap: Holder[];

  constructor(subscribers: readonly Holder[]) {
    this.heap = [...subscribers].sort((a, b) => compareLoad(a, b));
  }

  give(partition: TopicPartition): void {
    const [top] = this.heap;
    top?.held.push(partition);
    this.sink(0);
  }

  private sink(from: number): void {
    let at = from;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        const candidate = this.heap[child];
        if (candidate !== undefined && compareLoad(candidate, this.heap[least] as Holder) < 0) least = child;
      }
      if (least === at) return;
      [this.heap[at], this.heap[least]] = [this.heap[least] as Holder, this.heap[at] as Holder];
      at = least;
    }
  }
}

function compareLoad(a: Holder, b: Holder): number {
  return a.held.length - b.held.length || byText(a.seat, b.seat);
}

type Topic = ReturnType<typeof subscribersOf<Holder>>[number];

/** Each move makes the loads more even, so that this ends; rounds are bounded because it may take long to. */
function evenOut(topics: readonly Topic[]): void {
  for (let round = 0; round < groupLimits.groupBalancingRoundsMax; round++) {
    let moved = false;
    for (const topic of topics) while (moveOne(topic)) moved = true;
    if (!moved) return;
  }
}

/** From the owner with most to the subscriber with fewest, if that makes the two more even. */
function moveOne({ topicId, subscribers }: Topic): boolean {
  const owners = subscribers.filter(({ held }) => held.some((partition) => partition.topicId === topicId));
  const from = owners.reduce<Holder | undefined>(
    (most, owner) => (most === undefined || owner.held.length > most.held.length ? owner : most),
    undefined,
  );
  const to = subscribers.reduce((least, holder) => (compareLoad(holder, least) < 0 ? holder : least));
  if (from === undefined || from.held.length < to.held.length + 2) return false;
  const last = from.held.findLastIndex((partition) => partition.topicId === topicId);
  to.held.push(...from.held.splice(last, 1));
  return true;
}
