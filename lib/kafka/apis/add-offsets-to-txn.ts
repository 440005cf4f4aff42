/** AddOffsetsToTxn: the transaction is to have offsets of a group; it begins with that where none is open. */
import { enlistPartitions } from '../../broker/transactions/enlist-partitions.ts';
import type { ServedApi } from '../api.ts';
import { NONE } from '../failures.ts';
import { refusedGroup } from '../groups/group-failures.ts';
import {
  coordinatorFailure,
  producerIn,
  refusedTransactionalId,
  toldByCoordinator,
} from '../transactions/transaction-failures.ts';

const FENCED_SINCE = 2;

export const addOffsetsToTxn: ServedApi<'AddOffsetsToTxn'> = {
  lowest: 0,
  highest: 4,
  handle: async (call, request) => {
    const { transactionalId, groupId } = request;
    const refusal = refusedTransactionalId(call, transactionalId) ?? refusedGroup(call, groupId);
    if (refusal !== undefined) return { errorCode: refusal.code };
    try {
      const producer = producerIn(request);
      await enlistPartitions(call.gateway.broker, { transactionalId, producer, partitions: [] });
      return { errorCode: NONE };
    } catch (error) {
      return { errorCode: coordinatorFailure(error, call, { fencedSince: FENCED_SINCE }).code };
    }
  },
  failed: (_call, _request, failure) => ({ errorCode: toldByCoordinator(failure).code }),
};
