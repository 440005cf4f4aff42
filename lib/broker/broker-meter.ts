/**
 * Where use cases count what goes through them. They call it in the asynchronous context of the request that they
 * serve, so that a door can tell one request's counts from another's.
 */
import type { MaintenanceCounts } from '../kernel/maintenance-metrics.ts';

export interface BrokerMeter {
  /** Records that were stored and sequenced, and the size of their batches. */
  produced(records: number, bytes: number): void;
  /** Records that were handed out, and the size of the batches that were read for them. */
  fetched(records: number, bytes: number): void;
  /** A chore of the maintenance has ended. */
  maintained(counts: MaintenanceCounts): void;
}

export const silentMeter: BrokerMeter = {
  produced: () => {},
  fetched: () => {},
  maintained: () => {},
};
