import { describe, expect, it } from 'vitest';
import { PRODUCER_EPOCH_MAX } from '../../../lib/coordination/producers/producer-id-item.ts';
import { decideCommit } from '../../../lib/coordination/transactions/decide.ts';
import type { TransactionalState } from '../../../lib/coordination/transactions/transactional-item.ts';
import { FIRST_PRODUCER_ID, KafkaTransactionalId, TIMEOUT_MS } from './kafka-transactional-id.ts';

const id = FIRST_PRODUCER_ID;
const receipt = Uint8Array.of(1);

it('ends what has nothing in it at once, and says the same again', () => {
  const id = new KafkaTransactionalId().initialized();
  expect(id.end('commit')).toBe('INVALID_TXN_STATE');
  id.enlist();
  expect([id.end('commit'), id.end('commit'), id.end('abort')]).toEqual(['close', 'repeat', 'INVALID_TXN_STATE']);
  id.enlist(0);
  expect([id.end('abort'), id.end('abort'), id.end('commit')]).toEqual(['close', 'repeat', 'INVALID_TXN_STATE']);
  expect(id.state?.number).toBe(1);
});

describe('an end that gives the producer its next epoch (KIP-890)', () => {
  const newer = () => new KafkaTransactionalId({ isNewer: true }).initialized();

  /** With its one part committed, as the use case does it. */
  function committed(one: KafkaTransactionalId): void {
    one.append(0, 0);
    const { epoch, number } = one.state as TransactionalState;
    expect(one.end('commit')).toBe('commit');
    const decision = decideCommit(one.state, { epoch, number }, { nowMs: one.nowMs, raise: {} });
    if (decision.decision !== 'commit') throw new Error(decision.decision);
    one.state = { ...decision.next, receipt };
  }

  it('is one write with the commit, and is answered in the same way until the next transaction begins', () => {
    const one = newer();
    const first = one.producer;
    committed(one);
    expect(one.state).toMatchObject({ epoch: 1, status: 'committed', parts: 0, previous: first });
    expect(one.producer).toEqual({ id, epoch: 1 });
    expect([one.end('commit', first), one.end('abort', first)]).toEqual(['repeat', 'INVALID_TXN_STATE']);
    expect(one.append(0, 0)).toBe('accepted');
    expect([one.end('commit', first), one.end('abort', first)]).toEqual(['PRODUCER_FENCED', 'PRODUCER_FENCED']);
    expect(one.state).toMatchObject({ epoch: 1, number: 0, status: 'ongoing' });
  });

  it('is an abort as well, of records and of nothing', () => {
    const one = newer();
    const first = one.producer;
    one.append(0, 0);
    expect([one.end('abort'), one.end('abort', first), one.end('commit', first)]).toEqual([
      'close',
      'repeat',
      'INVALID_TXN_STATE',
    ]);
    expect(one.state).toMatchObject({ epoch: 1, status: 'aborted', abortReason: 'asked', parts: 0 });
    expect(one.producer).toEqual({ id, epoch: 1 });
    expect([one.end('abort'), one.end('abort')]).toEqual(['close', 'close']);
    expect(one.producer).toEqual({ id, epoch: 3 });
    expect(one.end('commit')).toBe('INVALID_TXN_STATE');
    committed(one);
    expect([one.end('abort'), one.producer.epoch]).toEqual(['close', 5]);
  });

  it('aborts what was not begun, and commits nothing', () => {
    const one = newer();
    expect([one.end('commit'), one.end('abort'), one.producer.epoch]).toEqual(['INVALID_TXN_STATE', 'close', 1]);
  });

  it('ends a transaction that has no records', () => {
    const one = newer();
    one.enlist(0);
    expect([one.end('commit'), one.producer.epoch, one.state?.status]).toEqual(['close', 1, 'committed']);
  });

  it('fences all that the producer sent before', () => {
    const one = newer();
    const first = one.producer;
    committed(one);
    one.producer = first;
    expect([one.append(0, 1), one.addOffsets(), one.enlist(0)]).toEqual(
      Array.from({ length: 3 }, () => 'PRODUCER_FENCED'),
    );
  });

  it('begins the sequences of the next epoch at 0', () => {
    const one = newer();
    committed(one);
    expect([one.append(0, 1), one.append(0, 0), one.append(0, 1)]).toEqual(['out-of-order', 'accepted', 'accepted']);
  });

  it('gives another producer id where the epochs of 16 bits are used up, and knows who asks once more', () => {
    const one = newer().aged(PRODUCER_EPOCH_MAX - 2);
    one.append(0, 0);
    expect([one.end('abort'), one.producer]).toEqual(['close', { id, epoch: PRODUCER_EPOCH_MAX - 1 }]);
    const last = one.producer;
    one.append(0, 0);
    expect([one.end('abort'), one.producer]).toEqual(['close', { id: id + 1, epoch: 0 }]);
    expect([one.end('abort', last), one.end('abort')]).toEqual(['repeat', 'close']);
    expect(one.producer).toEqual({ id: id + 1, epoch: 1 });
    expect(one.state?.epoch).toBe(PRODUCER_EPOCH_MAX + 1);
    expect(one.end('abort', last)).toBe('INVALID_PRODUCER_ID_MAPPING');
  });

  it('lets a producer go on that took too long, once it aborts', () => {
    const one = newer();
    one.append(0, 0);
    one.nowMs += TIMEOUT_MS;
    expect([one.end('commit'), one.append(0, 1)]).toEqual(['INVALID_TXN_STATE', 'PRODUCER_FENCED']);
    expect(one.state).toMatchObject({ epoch: 0, status: 'aborted', abortReason: 'timed-out' });
    expect([one.end('abort'), one.producer.epoch]).toEqual(['close', 1]);
    expect([one.append(0, 0), one.state?.status]).toEqual(['accepted', 'ongoing']);
    one.nowMs += TIMEOUT_MS;
    expect([one.end('abort'), one.append(0, 0)]).toEqual(['close', 'accepted']);
  });

  it('is over for whoever was overtaken', () => {
    const one = newer();
    committed(one);
    one.initialized();
    expect([one.end('abort'), one.end('abort', { id, epoch: 0 })]).toEqual(['PRODUCER_FENCED', 'PRODUCER_FENCED']);
    expect(one.end('abort', { id: 99, epoch: 0 })).toBe('INVALID_PRODUCER_ID_MAPPING');
  });

  it('leaves older clients as they are, before and after', () => {
    const one = newer();
    committed(one);
    const older = new KafkaTransactionalId();
    older.state = one.state;
    older.producer = one.producer;
    // As Kafka, which takes it for a commit that is asked for again.
    expect([older.end('commit'), older.append(0, 0), older.enlist(0), older.append(0, 0)]).toEqual([
      'repeat',
      'not-enlisted',
      'enlist',
      'accepted',
    ]);
    expect([older.end('abort'), older.producer.epoch]).toEqual(['close', 1]);
    one.state = older.state;
    expect([one.end('commit', { id, epoch: 0 }), one.append(0, 1), one.end('abort')]).toEqual([
      'PRODUCER_FENCED',
      'accepted',
      'close',
    ]);
    expect(one.producer.epoch).toBe(2);
  });
});

it('is the same commit by its number, though the epoch has gone on', () => {
  const one = new KafkaTransactionalId({ isNewer: true }).initialized();
  one.append(0, 0);
  const caller = { epoch: 0, number: 0 };
  const decide = () => decideCommit(one.state, caller, { nowMs: one.nowMs, raise: {} });
  const decision = decide();
  one.state = decision.decision === 'commit' ? { ...decision.next, receipt } : undefined;
  expect(decide()).toEqual({ decision: 'repeat', receipt });
  one.producer = { id, epoch: 1 };
  one.append(0, 0);
  expect(decide()).toMatchObject({ decision: 'refuse', refusal: { reason: 'fenced' } });
});
