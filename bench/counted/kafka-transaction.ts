/**
 * How many log appends Kafka makes for one transaction that is committed, by the protocol.
 *
 * - Each partition's records are one append (one batch).
 * - The coordinator appends to the transaction log for AddPartitionsToTxn (here one request for all partitions), for
 *   AddOffsetsToTxn, for the prepared commit, and for its completion: `appendTransactionToLog` in
 *   kafka.coordinator.transaction.TransactionCoordinator, from handleAddPartitionsToTransaction and endTransaction, and
 *   in TransactionMarkerChannelManager when all markers are written.
 * - TxnOffsetCommit is one append to `__consumer_offsets`.
 * - WriteTxnMarkers appends a control batch to every partition of the transaction, that of `__consumer_offsets`
 *   included (KIP-98, "5.2 WriteTxnMarkerRequest").
 *
 * Every one of them is written by each replica.
 */
export interface KafkaTransaction {
  partitions: number;
  /** Whether offsets of a group are among it. They are in one partition of `__consumer_offsets`, however many. */
  offsets: boolean;
  replicationFactor: number;
}

export interface KafkaAppends {
  data: number;
  offsets: number;
  transactionLog: number;
  markers: number;
  /** Of one replica each. */
  total: number;
  /** By all replicas. */
  replicated: number;
}

export function kafkaAppends({ partitions, offsets, replicationFactor }: KafkaTransaction): KafkaAppends {
  const offsetPartitions = offsets ? 1 : 0;
  const addPartitions = partitions > 0 ? 1 : 0;
  const [prepare, complete] = [1, 1];
  const transactionLog = addPartitions + offsetPartitions + prepare + complete;
  const markers = partitions + offsetPartitions;
  const total = partitions + offsetPartitions + transactionLog + markers;
  return {
    data: partitions,
    offsets: offsetPartitions,
    transactionLog,
    markers,
    total,
    replicated: total * replicationFactor,
  };
}
