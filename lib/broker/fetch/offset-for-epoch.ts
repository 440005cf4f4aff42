/**
 * Where the records of a leader epoch end in a partition, by which readers find out that what they have read was cut
 * off since (Kafka: OffsetForLeaderEpoch, KIP-320).
 */
import { endOfEpoch, type LeaderEpoch } from '../../coordination/replication/epoch-item.ts';
import type { Broker } from '../broker.ts';
import { freshView, openPartition } from '../read/open-partition.ts';

export interface OffsetForEpochRequest {
  topic: string;
  partition: number;
  epoch: number;
}

export interface OffsetForEpochResult {
  /** The leader's epoch now. */
  currentEpoch: number;
  /** Absent for an epoch that nobody has had yet. */
  end?: {
    /** The newest epoch up to the one that was asked for. */
    epoch: number;
    offset: number;
  };
}

/** Throws `UNKNOWN_TOPIC_OR_PARTITION`. */
export async function offsetForEpoch(broker: Broker, request: OffsetForEpochRequest): Promise<OffsetForEpochResult> {
  const partition = await openPartition(broker, request.topic, request.partition);
  const { head, highWatermark } = await freshView(broker, partition);
  const { epoch } = request;
  if (epoch < 0 || epoch > head.epoch) return { currentEpoch: head.epoch };
  const epochs = await broker.epochs.epochs(partition.ledger, head);
  // Every leader had an epoch from 0 on, of which the first needs no entry.
  const offset = endOfEpoch(epoch, upTo(epochs, head.epoch), partition.slot, highWatermark);
  return { currentEpoch: head.epoch, end: { epoch, offset } };
}

/** There may be later ones of a newer head. */
function upTo(epochs: readonly LeaderEpoch[], newest: number): LeaderEpoch[] {
  return epochs.filter(({ epoch }) => epoch <= newest);
}
