import { describe, expect, it } from 'vitest';
import type { TransactionalState } from '../../../lib/coordination/transactions/transactional-item.ts';
import { KafkaTransactionalId, TIMEOUT_MS } from './kafka-transactional-id.ts';

it('begins a transaction with the first partitions, and adds each once', () => {
  const id = new KafkaTransactionalId().initialized();
  expect([id.enlist(0), id.enlist(0), id.enlist(0, 1)]).toEqual(['enlist', 'repeat', 'enlist']);
  expect(id.state).toMatchObject({ status: 'ongoing', number: 0, begunMs: 10_000 });
});

it('takes records of the open transaction only, and of its partitions', () => {
  const id = new KafkaTransactionalId().initialized();
  expect(id.append(0, 0)).toBe('not-enlisted');
  id.enlist(0);
  expect([id.append(0, 0), id.append(1, 0)]).toEqual(['accepted', 'not-enlisted']);
  expect(id.state?.parts).toBe(1);
});

it('knows a late request of the transaction before in the next one', () => {
  const id = new KafkaTransactionalId().initialized();
  id.enlist(0);
  id.append(0, 0);
  expect(id.end('commit')).toBe('commit');
  id.state = { ...(id.state as TransactionalState), status: 'committed' };
  id.enlist(0);
  expect([id.append(0, 0), id.append(0, 1)]).toEqual(['duplicate', 'accepted']);
});

it('fences a producer whose epoch is not the newest, in everything', () => {
  const id = new KafkaTransactionalId().initialized().initialized();
  const said = [id.enlist(0), id.append(0, 0), id.addOffsets(), id.end('abort')];
  expect(said).toEqual(said.map(() => 'PRODUCER_FENCED'));
  id.producer = { id: 8, epoch: 1 };
  expect(id.enlist(0)).toBe('INVALID_PRODUCER_ID_MAPPING');
});

it('fences a producer that took too long, until it initializes again', () => {
  const id = new KafkaTransactionalId().initialized();
  id.enlist(0);
  id.append(0, 0);
  id.nowMs += TIMEOUT_MS;
  expect(id.append(0, 1)).toBe('PRODUCER_FENCED');
  expect(id.state).toMatchObject({ status: 'aborted', abortReason: 'timed-out', parts: 0 });
  expect([id.enlist(1), id.end('commit'), id.end('abort')]).toEqual(Array.from({ length: 3 }, () => 'PRODUCER_FENCED'));
  id.initialized();
  id.producer = { id: 7, epoch: 1 };
  expect([id.enlist(0), id.append(0, 0)]).toEqual(['enlist', 'accepted']);
});

it('has as many parts and partitions as it may', () => {
  const id = new KafkaTransactionalId().initialized();
  expect(id.enlist(0, 1, 2, 3, 4)).toBe('POLICY_VIOLATION');
  id.enlist(0);
  expect([id.append(0, 0), id.append(0, 1), id.addOffsets()]).toEqual(['accepted', 'accepted', 'add']);
  expect([id.append(0, 2), id.addOffsets()]).toEqual(['POLICY_VIOLATION', 'POLICY_VIOLATION']);
});

describe('of newer clients (KIP-890)', () => {
  const newer = () => new KafkaTransactionalId({ isNewer: true }).initialized();

  it('begins a transaction with the first records or offsets, and takes their partitions in', () => {
    const id = newer();
    expect([id.append(0, 0), id.append(1, 0), id.append(0, 1)]).toEqual(['accepted', 'accepted', 'accepted']);
    expect(id.state).toMatchObject({ status: 'ongoing', number: 0, begunMs: 10_000, parts: 3 });
    expect(id.state?.enlisted?.map(({ partition, isCurrent }) => [partition, isCurrent])).toEqual([
      [0, true],
      [1, true],
    ]);
    const other = newer();
    expect(other.addOffsets()).toBe('add');
    expect(other.state).toMatchObject({ status: 'ongoing', number: 0, parts: 1 });
  });

  it('begins none with records that are not the first of their epoch, or were there before', () => {
    const id = newer();
    expect(id.append(0, 5)).toBe('out-of-order');
    expect(id.state?.status).toBe('empty');
    id.append(0, 0);
    // As an older client ends it, and keeps its epoch.
    id.state = { ...(id.state as TransactionalState), status: 'committed', parts: 0 };
    expect(id.append(0, 0)).toBe('duplicate');
    expect(id.state.status).toBe('committed');
    expect(id.append(1, 0)).toBe('accepted');
    expect(id.state.enlisted?.map(({ isCurrent }) => isCurrent)).toEqual([false, true]);
  });

  it('has as many partitions as it may', () => {
    const id = newer();
    const refused = [0, 1, 2, 3, 4].map((partition) => {
      id.state = { ...(id.state as TransactionalState), parts: 0 };
      return id.append(partition, 0);
    });
    expect(refused).toEqual(['accepted', 'accepted', 'accepted', 'accepted', 'POLICY_VIOLATION']);
  });
});
