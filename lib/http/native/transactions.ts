/** Transactions over HTTP: in one request, and in parts. */
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { abortTransaction } from '../../broker/transactions/abort-transaction.ts';
import { addToTransaction } from '../../broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../broker/transactions/commit-transaction.ts';
import { describeTransaction } from '../../broker/transactions/describe-transaction.ts';
import { initializeTransactions } from '../../broker/transactions/initialize-transactions.ts';
import type { GroupOffsets, TransactionRecord } from '../../broker/transactions/prepare.ts';
import { transact } from '../../broker/transactions/transact.ts';
import type { FencedMember } from '../../coordination/groups/fence.ts';
import type { Principal } from '../../coordination/tenants/principal.ts';
import type { Caller } from '../../coordination/transactions/decide.ts';
import type { TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import { emptyAnswer, jsonAnswer, typedAnswer } from '../answer.ts';
import { readBody } from '../body.ts';
import type { Door, DoorEnv } from '../door.ts';
import { contentType, JSON_TYPE } from '../media-type.ts';
import { malformedField } from '../problems.ts';
import { bodySource, jsonBody, mount } from './mount.ts';
import { requireScope } from './name-scopes.ts';
import { type Parsed, parseTransaction } from './transactions-parser.ts';
import {
  abortTransactionRoute,
  addToTransactionRoute,
  commitTransactionRoute,
  describeTransactionRoute,
  initializeSchema,
  initializeTransactionsRoute,
  partSchema,
  transactRoute,
  transactSchema,
} from './transactions-routes.ts';

export function mountTransactions(door: Door): void {
  const { broker } = door.options;

  mount(door, transactRoute, async ({ context, principal }) => {
    const { rest, records } = await parsed(door, context, transactSchema);
    const { transactional_id: transactionalId } = rest;
    const caller = callerOf(context);
    if (caller !== undefined && transactionalId === undefined) {
      throw malformedField('transactional_id', 'must be there beside Producer-Epoch and Producer-Seq');
    }
    if (transactionalId !== undefined) requireScope(principal, 'produce', 'transactional id', transactionalId);
    const offsets = contentsAllowed(principal, records, rest.offsets);
    const done = await transact(broker, { transactionalId, caller, records, offsets });
    return answer({ records: done.records }, done.repeated);
  });

  mount(door, initializeTransactionsRoute, async ({ context, params: { transactional_id: id }, principal }) => {
    requireScope(principal, 'produce', 'transactional id', id);
    const { timeout_ms: timeoutMs } = await jsonBody(door, context, initializeSchema);
    const initialized = await initializeTransactions(broker, { transactionalId: id, timeoutMs });
    return answer({ transactional_id: id, epoch: initialized.epoch, timeout_ms: initialized.timeoutMs });
  });

  mount(door, addToTransactionRoute, async ({ context, params: { transactional_id: id }, principal }) => {
    requireScope(principal, 'produce', 'transactional id', id);
    const caller = requiredCaller(context);
    const { rest, records } = await parsed(door, context, partSchema);
    const offsets = contentsAllowed(principal, records, rest.offsets);
    const added = await addToTransaction(broker, { transactionalId: id, caller, part: rest.part, records, offsets });
    return answer({ records: added.records }, added.repeated);
  });

  mount(door, commitTransactionRoute, async ({ context, params: { transactional_id: id }, principal }) => {
    requireScope(principal, 'produce', 'transactional id', id);
    const committed = await commitTransaction(broker, { transactionalId: id, caller: requiredCaller(context) });
    const partitions = committed.partitions.map(({ topic, partition, baseOffset, records }) => {
      return { topic, partition, base_offset: baseOffset, records };
    });
    return answer({ partitions }, committed.repeated);
  });

  mount(door, abortTransactionRoute, async ({ context, params: { transactional_id: id }, principal }) => {
    requireScope(principal, 'produce', 'transactional id', id);
    await abortTransaction(broker, { transactionalId: id, caller: requiredCaller(context) });
    return emptyAnswer(204);
  });

  mount(door, describeTransactionRoute, async ({ params: { transactional_id: id }, principal }) => {
    requireScope(principal, 'produce', 'transactional id', id);
    return answer(stateAnswer(id, await describeTransaction(broker, id)));
  });
}

async function parsed<Schema extends typeof transactSchema | typeof partSchema>(
  door: Door,
  context: Context<DoorEnv>,
  schema: Schema,
): Promise<Parsed<Schema>> {
  contentType(context.req.header('content-type'), [JSON_TYPE]);
  return parseTransaction(await readBody(bodySource(door, context)), schema);
}

/** The offsets as the use cases want them, once the key may do all that the request asks for. */
function contentsAllowed(
  principal: Principal | undefined,
  records: readonly TransactionRecord[],
  given: z.output<typeof partSchema>['offsets'],
): GroupOffsets | undefined {
  for (const topic of new Set(records.map((record) => record.topic)))
    requireScope(principal, 'produce', 'topic', topic);
  if (given === undefined) return undefined;
  requireScope(principal, 'consume', 'group', given.group);
  for (const { topic } of given.offsets) requireScope(principal, 'consume', 'topic', topic);
  const offsets = given.offsets.map(({ topic, partition, offset, leader_epoch: leaderEpoch, metadata }) => {
    return { topic, partition, offset, leaderEpoch, metadata };
  });
  return { group: given.group, ...memberIn(given), offsets };
}

type GivenOffsets = NonNullable<z.output<typeof partSchema>['offsets']>;

function memberIn({ member: memberId, generation: epoch, instance_id: instanceId }: GivenOffsets): {
  member?: FencedMember;
} {
  if (memberId === undefined) {
    for (const [name, value] of Object.entries({ generation: epoch, instance_id: instanceId })) {
      if (value !== undefined) throw malformedField(`offsets.${name}`, 'is that of a member, which is missing');
    }
    return {};
  }
  const member = {
    memberId,
    ...(instanceId !== undefined && { instanceId }),
    ...(epoch !== undefined && { epoch }),
  };
  return { member };
}

const EPOCH_HEADER = 'Producer-Epoch';
const NUMBER_HEADER = 'Producer-Seq';

function requiredCaller(context: Context<DoorEnv>): Caller {
  const caller = callerOf(context);
  if (caller === undefined) throw malformedField(EPOCH_HEADER, `must be there, beside ${NUMBER_HEADER}`);
  return caller;
}

/** `undefined` where neither header is there. */
function callerOf({ req }: Context<DoorEnv>): Caller | undefined {
  if (req.header('Producer-Id') !== undefined) {
    throw malformedField('Producer-Id', 'is not taken here: the transactional id says who writes');
  }
  const [epoch, number] = [EPOCH_HEADER, NUMBER_HEADER].map((name) => wholeNumber(name, req.header(name)));
  if (epoch === undefined && number === undefined) return undefined;
  if (epoch === undefined) throw malformedField(EPOCH_HEADER, `must be there beside ${NUMBER_HEADER}`);
  if (number === undefined) throw malformedField(NUMBER_HEADER, `must be there beside ${EPOCH_HEADER}`);
  return { epoch, number };
}

function wholeNumber(header: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw malformedField(header, 'must be a whole number from 0 to 2^53 − 1');
  return number;
}

function stateAnswer(id: string, state: TransactionalState) {
  const ongoing = state.status === 'ongoing';
  return {
    transactional_id: id,
    epoch: state.epoch < 0 ? null : state.epoch,
    seq: state.number < 0 ? null : state.number,
    status: state.status,
    abort_reason: state.abortReason,
    parts: ongoing ? state.parts : 0,
    timeout_ms: state.timeoutMs,
    begun_at: ongoing ? state.begunMs : undefined,
  };
}

function answer(body: object, repeated = false): Response {
  const text = JSON.stringify(body);
  return repeated ? typedAnswer(text, JSON_TYPE, { headers: { 'Producer-Duplicate': 'true' } }) : jsonAnswer(text);
}
