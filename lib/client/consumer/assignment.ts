/** The partitions that a consumer owns, by what the answers of its group say. */
import { eachPartition, type JsonGroupOffset, type JsonTopicPartitions } from './groups-api.ts';
import type { TopicPartition } from './options.ts';
import { OwnedPartition } from './owned-partition.ts';

export interface AssignmentChange {
  assigned: OwnedPartition[];
  /** To be given up. */
  revoked: OwnedPartition[];
  /** Gone without a word, as those of a topic that was deleted. */
  lost: OwnedPartition[];
}

export class Assignment {
  private owned = new Map<string, OwnedPartition>();

  get(name: TopicPartition): OwnedPartition | undefined {
    return this.owned.get(nameOf(name));
  }

  [Symbol.iterator](): Iterator<OwnedPartition> {
    return this.owned.values();
  }

  get size(): number {
    return this.owned.size;
  }

  follow(answer: {
    assignment: readonly JsonTopicPartitions[];
    revoked: readonly JsonTopicPartitions[];
  }): AssignmentChange {
    const assigned = new Map(eachPartition(answer.assignment).map((name) => [nameOf(name), name]));
    const toGiveUp = new Set(eachPartition(answer.revoked).map(nameOf));
    const change: AssignmentChange = { assigned: [], revoked: [], lost: [] };
    for (const [name, partition] of this.owned) {
      if (assigned.has(name)) continue;
      if (toGiveUp.has(name)) {
        partition.state = 'revoking';
        change.revoked.push(partition);
      } else {
        this.end([partition]);
        change.lost.push(partition);
      }
    }
    for (const [name, topicPartition] of assigned) {
      if (this.owned.has(name)) continue;
      const partition = new OwnedPartition(topicPartition);
      this.owned.set(name, partition);
      change.assigned.push(partition);
    }
    return change;
  }

  end(partitions: Iterable<OwnedPartition>): void {
    for (const partition of partitions) {
      partition.state = 'ended';
      this.owned.delete(nameOf(partition));
    }
  }

  /** What automatic commits are to commit now. */
  uncommitted(): JsonGroupOffset[] {
    return [...this].flatMap(({ topic, partition, uncommitted }) => {
      return uncommitted === undefined ? [] : [{ topic, partition, offset: uncommitted }];
    });
  }

  /** What a poll is to bring nothing of. */
  leftOut(): JsonTopicPartitions[] {
    const byTopic = Map.groupBy([...this].filter(isLeftOut), ({ topic }) => topic);
    return [...byTopic].map(([topic, list]) => ({ topic, partitions: list.map(({ partition }) => partition) }));
  }

  sought(): JsonGroupOffset[] {
    return [...this].flatMap(({ topic, partition, seekTo }) => {
      return seekTo === undefined ? [] : [{ topic, partition, offset: seekTo }];
    });
  }
}

export function isLeftOut({ paused, direct }: OwnedPartition): boolean {
  return paused || direct;
}

/** Topic names have no slash. */
function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
