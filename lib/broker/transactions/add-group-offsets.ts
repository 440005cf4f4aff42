/**
 * Adds offsets of a group to the transaction that a producer has open (Kafka: TxnOffsetCommit). Offsets that name a
 * member are checked now and in the commit, as in add-to-transaction.ts.
 */
import { decideAddOffsets } from '../../coordination/transactions/decide-producer.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import { encodePart, partKey } from '../../coordination/transactions/part-item.ts';
import { type ProducerIdentity, planTransactional } from '../../coordination/transactions/transactional-item.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { Broker } from '../broker.ts';
import { fencesFor } from '../groups/fenced-offsets.ts';
import { readerOf } from './add-to-transaction.ts';
import { checkItemCount } from './intent.ts';
import { type GroupOffsets, offsetWrites, prepareListedOffsets } from './prepare.ts';
import { changeState, type StateStep, throwRefusal } from './transactional-states.ts';

export interface AddGroupOffsetsRequest {
  transactionalId: string;
  producer: ProducerIdentity;
  offsets: GroupOffsets;
  /** Whether they begin a transaction where none is open. */
  begin: boolean;
}

/**
 * Throws `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `INVALID_TXN_STATE` where no transaction is open, and what a
 * commit of these offsets is refused with.
 */
export async function addGroupOffsets(broker: Broker, request: AddGroupOffsetsRequest): Promise<void> {
  const { transactionalId: id, producer, begin } = request;
  checkTransactionalId(id);
  const offsets = await prepareListedOffsets(broker, request.offsets);
  const reader = readerOf(request.offsets);
  const fences = reader === undefined ? [] : await fencesFor(broker, [{ ...reader, offsets }]);
  // What one part has too much of, no commit could take.
  checkItemCount({
    ledgers: 0,
    offsets: offsetWrites(offsets, 0).length,
    guarded: true,
    members: fences.length,
  });
  const part = encodePart({ commits: [], places: [], records: [], offsets, ...(reader && { reader }) });
  await broker.committer.inLine(id, () =>
    changeState(broker, id, async (state): Promise<StateStep<void>> => {
      const limits = { partsMax: transactionLimits.producerPartsMax, nowMs: broker.clock.now() };
      const decision = decideAddOffsets(state, producer, { begin, ...limits });
      if (decision.decision === 'refuse') return throwRefusal(broker, id, decision, state?.parts);
      const { next } = decision;
      const key = partKey({ id, epoch: next.epoch, number: next.number }, next.parts - 1);
      const writes = [planTransactional(id, next), { kind: 'put' as const, key, attributes: part }];
      return { writes, done: undefined };
    }),
  );
}
