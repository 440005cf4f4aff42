/** What all parts of one check share. */
import type { TableScan } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import type { ObjectCopies, ReplicaCopies } from './replica-copies.ts';

export interface CheckCounts {
  ledgers: number;
  pages: number;
  commits: number;
  /** Merged ones. */
  segments: number;
  objects: number;
  items: number;
  /** Objects and items that could not be judged, because what they depend on could not be read. */
  unjudged: number;
}

export interface CheckContext {
  broker: Broker;
  table: TableScan;
  /** Reads all bytes, and not only what says how many there are. */
  deep: boolean;
  /** As whoever reads them finds them. */
  copies: ObjectCopies;
  /** As each replica has them. */
  replicas: ReplicaCopies;
  /** So far. */
  counts: CheckCounts;
}
