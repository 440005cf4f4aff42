/** A transactional id as Kafka's admin APIs show it. */
import { producerOf } from '../../coordination/transactions/producer.ts';
import type { TransactionalState, TransactionStatus } from '../../coordination/transactions/transactional-item.ts';

/**
 * Kafka's names. Its states on the way to these (`PrepareCommit` …) are never seen: a transaction ends in one write
 * here.
 */
const STATES: Record<TransactionStatus, string> = {
  empty: 'Empty',
  ongoing: 'Ongoing',
  committed: 'CompleteCommit',
  aborted: 'CompleteAbort',
};

/** All that Kafka has, which may be asked for. */
export const KAFKA_STATES: ReadonlySet<string> = new Set([
  ...Object.values(STATES),
  'PrepareCommit',
  'PrepareAbort',
  'PrepareEpochFence',
  'Dead',
]);

const NO_PRODUCER = { id: -1, epoch: -1 };
const NO_TIME = -1;

export function transactionView(state: TransactionalState) {
  const { id, epoch } = producerOf(state) ?? NO_PRODUCER;
  const hasBegun = state.number >= 0 || state.endedNumber !== undefined;
  return {
    transactionState: STATES[state.status],
    producerId: BigInt(id),
    producerEpoch: epoch,
    /** When the newest transaction began. */
    startMs: hasBegun && state.begunMs !== 0 ? state.begunMs : NO_TIME,
  };
}
