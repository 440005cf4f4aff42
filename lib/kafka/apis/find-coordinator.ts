/** FindCoordinator: which virtual broker a client talks to about a group or a transactional id. Any would do. */
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { type Failure, failureWith, isBusy, NONE, wireCodes } from '../failures.ts';
import { refusedGroup } from '../groups/group-failures.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { refusedTransactionalId } from '../transactions/transaction-failures.ts';

type Request = RequestOf<'FindCoordinator'>;
type Coordinator = NonNullable<ResponseOf<'FindCoordinator'>['coordinators']>[number];

/** From this version on several keys are asked for at once (KIP-699). */
const BATCHED_FROM = 4;
const TRANSACTION_KEY_TYPE = 1;
const SHARE_KEY_TYPE = 2;
/** From this version on share partitions have coordinators (KIP-932). */
const SHARE_FROM = 6;
const TOPIC_ID = /^[A-Za-z0-9_-]{22}$/;
const PARTITION = /^\d{1,9}$/;

export const findCoordinator: ServedApi<'FindCoordinator'> = {
  lowest: 0,
  highest: 6,
  handle: async (call, request) =>
    answer(
      call,
      await mapInTurns(call, keysOf(call, request), async (key) => coordinatorOf(call, key, request.keyType)),
    ),
  failed: (call, request, failure) => {
    const told = isBusy(failure) ? { ...failure, code: wireCodes.COORDINATOR_NOT_AVAILABLE } : failure;
    return answer(
      call,
      keysOf(call, request).map((key) => refused(key, told)),
    );
  },
};

function keysOf({ version }: Call, { key, coordinatorKeys }: Request): readonly string[] {
  return version >= BATCHED_FROM ? coordinatorKeys : [key];
}

function answer({ version }: Call, coordinators: readonly Coordinator[]): ResponseOf<'FindCoordinator'> {
  if (version >= BATCHED_FROM) return { coordinators };
  const [{ key: _key, ...found }] = coordinators as [Coordinator];
  return found;
}

function coordinatorOf(call: Call, key: string, keyType: number): Coordinator {
  if (keyType < 0 || keyType > SHARE_KEY_TYPE) {
    return refused(key, failureWith('INVALID_REQUEST', `There is no kind ${keyType} of coordinators.`));
  }
  const shared = keyType === SHARE_KEY_TYPE ? groupInShareKey(key) : key;
  if (shared === undefined || (keyType === SHARE_KEY_TYPE && call.version < SHARE_FROM)) {
    return refused(key, failureWith('INVALID_REQUEST', 'A share partition is named by group, topic id and number.'));
  }
  const refusal = keyType === TRANSACTION_KEY_TYPE ? refusedTransactionalId(call, key) : refusedGroup(call, shared);
  if (refusal !== undefined) return refused(key, refusal);
  const { nodeId, host, port } = call.gateway.cluster.coordinatorOf(key);
  return { key, nodeId, host, port, errorCode: NONE, errorMessage: null };
}

/**
 * A share partition is named by group, topic id and partition with colons between them. Taken apart rather than matched
 * as a whole: an expression for all of it would look at a long key again from each of its characters.
 */
function groupInShareKey(key: string): string | undefined {
  const [group = '', topicId = '', partition = '', ...more] = key.split(':');
  const isOne = group.trim() !== '' && TOPIC_ID.test(topicId) && PARTITION.test(partition) && more.length === 0;
  return isOne ? group : undefined;
}

function refused(key: string, { code, message }: Failure): Coordinator {
  return { key, nodeId: -1, host: '', port: -1, errorCode: code, errorMessage: message };
}
