/**
 * What members of a group in the model have received and committed, of partitions that never end. Nothing may be
 * committed that nobody has received, and no commit may go backwards.
 */
import assert from 'node:assert/strict';
import type { Position } from '../../lib/coordination/groups/cursor.ts';
import type { TopicPartition } from '../../lib/coordination/groups/partitions.ts';
import type { Write } from '../../lib/kernel/items.ts';
import type { ItemTable } from './item-table.ts';

export class GroupRecords {
  private readonly table: ItemTable;
  private readonly received = new Map<string, Set<number>>();
  private readonly newest = new Map<string, number>();

  constructor(table: ItemTable) {
    this.table = table;
  }

  committed(partition: TopicPartition): number | undefined {
    const offset = this.table.get(keyOf(partition))?.['o'];
    return typeof offset === 'number' ? offset : undefined;
  }

  planCommit(position: Position): Write {
    return { kind: 'put', key: keyOf(position), attributes: { o: position.offset } };
  }

  /** An answer has arrived. */
  receive(partition: TopicPartition, { from, to }: { from: number; to: number }): void {
    const offsets = this.received.get(nameOf(partition)) ?? new Set();
    for (let offset = from; offset < to; offset++) offsets.add(offset);
    this.received.set(nameOf(partition), offsets);
  }

  /** In the moment of the commit. */
  check(positions: readonly Position[]): void {
    for (const position of positions) {
      const offsets = this.received.get(nameOf(position)) ?? new Set();
      for (let offset = 0; offset < position.offset; offset++)
        assert(offsets.has(offset), 'what is committed was received');
      assert(position.offset >= (this.newest.get(nameOf(position)) ?? 0), 'no commit goes backwards');
      this.newest.set(nameOf(position), position.offset);
    }
  }
}

function keyOf(partition: TopicPartition) {
  return { pk: 'committed', sk: nameOf(partition) };
}

function nameOf({ topicId, partition }: TopicPartition): string {
  return `${topicId} ${partition}`;
}
