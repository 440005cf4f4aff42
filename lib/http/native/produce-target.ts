/** What a produce request says beside its records, by its path and query string. */
import type { Acks } from '../../broker/produce/append-to-partition.ts';
import type { ProduceRecord, RequestSequence } from '../../broker/produce/produce.ts';
import { malformedField } from '../problems.ts';

export interface ProduceTarget {
  topic: string;
  /** Named by the path; records may name their own where absent. */
  partition?: number;
  acks?: Acks;
  expectedOffset?: number;
  /** What its headers say of an idempotent producer. */
  producer?: RequestSequence;
}

/** A record may repeat the path's partition, but not name another. */
export function requireSamePartition(record: ProduceRecord, partition: number, field: string): void {
  if (record.partition !== undefined && record.partition !== partition) {
    throw malformedField(field, `is ${record.partition} and the path says ${partition}`);
  }
}
