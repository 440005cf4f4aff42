import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Caller,
  decideAbort,
  decideAdd,
  decideCommit,
  decideInitialize,
  decideTransact,
} from '../../../lib/coordination/transactions/decide.ts';
import { refusalError } from '../../../lib/coordination/transactions/refusal-error.ts';
import {
  newTransactionalState,
  type TransactionalState,
} from '../../../lib/coordination/transactions/transactional-item.ts';

const TIMEOUT_MS = 60_000;
const PARTS_MAX = 4;

/**
 * One transactional id whose decisions are carried out. Receipts are made up: 1 for the first commit, 2 for the next.
 */
class Id {
  state: TransactionalState | undefined;
  nowMs = 1_000;
  private commits = 0;

  transact(caller?: Caller): string {
    return this.carryOut(decideTransact(this.state, caller, { nowMs: this.nowMs, timeoutMs: TIMEOUT_MS }), caller);
  }

  initialize(): number {
    const decision = decideInitialize(this.state, { timeoutMs: TIMEOUT_MS, producerId: 7 });
    if (decision.decision !== 'initialize') throw new Error(decision.decision);
    this.state = decision.next;
    return this.state.epoch;
  }

  add(caller: Caller, part: number): string {
    return this.carryOut(decideAdd(this.state, caller, { part, partsMax: PARTS_MAX, nowMs: this.nowMs }), caller);
  }

  commit(caller: Caller): string {
    return this.carryOut(decideCommit(this.state, caller, { nowMs: this.nowMs }), caller);
  }

  abort(caller: Caller): string {
    return this.carryOut(decideAbort(this.state, caller), caller);
  }

  private carryOut(
    decision: ReturnType<typeof decideTransact | typeof decideAdd | typeof decideAbort>,
    caller: Caller | undefined,
  ): string {
    switch (decision.decision) {
      case 'refuse':
        this.state = decision.next ?? this.state;
        return refusalError('x', decision.refusal).code;
      case 'repeat':
        return 'receipt' in decision ? `repeat ${decision.receipt[0]}` : 'repeat';
      case 'commit': {
        const receipt = Uint8Array.of(++this.commits);
        this.state = { ...decision.next, token: receipt, ...(caller !== undefined && { receipt }) };
        return `commit ${this.commits}`;
      }
      case 'add':
      case 'abort':
        this.state = decision.next;
        return decision.decision;
    }
  }
}

describe('transactions of one request', () => {
  it('are committed one after the other, and a repeated number is given the first answer', () => {
    const id = new Id();
    expect(id.transact({ epoch: 0, number: 0 })).toBe('commit 1');
    expect(id.transact({ epoch: 0, number: 0 })).toBe('repeat 1');
    expect(id.transact({ epoch: 0, number: 1 })).toBe('commit 2');
    expect(id.transact({ epoch: 0, number: 1 })).toBe('repeat 2');
  });

  it('are refused with a number that skips one or went by', () => {
    const id = new Id();
    id.transact({ epoch: 0, number: 7 });
    expect(id.transact({ epoch: 0, number: 9 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(id.transact({ epoch: 0, number: 6 })).toBe('DUPLICATE_SEQUENCE_NUMBER');
  });

  it('say which number is expected', () => {
    const state = { ...newTransactionalState(1), epoch: 0, number: 3, status: 'committed' as const };
    const decision = decideTransact(state, { epoch: 0, number: 9 }, { nowMs: 0, timeoutMs: 1 });
    if (decision.decision !== 'refuse') throw new Error(decision.decision);
    expect(refusalError('x', decision.refusal).facts.expectedSequence).toBe(4);
  });

  it('take any first number of an id without epochs, and only 0 of a newer epoch', () => {
    const id = new Id();
    expect(id.transact({ epoch: 3, number: 12 })).toBe('commit 1');
    expect(id.transact({ epoch: 4, number: 12 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(id.transact({ epoch: 4, number: 0 })).toBe('commit 2');
  });

  it('of an older epoch are refused for good', () => {
    const id = new Id();
    id.transact({ epoch: 1, number: 0 });
    expect(id.transact({ epoch: 0, number: 0 })).toBe('INVALID_PRODUCER_EPOCH');
    expect(id.transact({ epoch: 0, number: 1 })).toBe('INVALID_PRODUCER_EPOCH');
    id.initialize();
    expect(id.transact({ epoch: 1, number: 1 })).toBe('INVALID_PRODUCER_EPOCH');
    expect(id.transact({ epoch: 2, number: 0 })).toBe('commit 2');
  });

  it('without a number take no number away from those with one', () => {
    const id = new Id();
    expect(id.transact()).toBe('commit 1');
    expect(id.transact({ epoch: 0, number: 0 })).toBe('commit 2');
    expect(id.transact()).toBe('commit 3');
    expect(id.transact({ epoch: 0, number: 0 })).toBe('repeat 2');
  });

  it('wait for an open transaction of the id, until its time is over', () => {
    const id = new Id();
    const epoch = id.initialize();
    id.add({ epoch, number: 0 }, 0);
    expect(id.transact()).toBe('CONCURRENT_TRANSACTIONS');
    expect(id.transact({ epoch, number: 1 })).toBe('CONCURRENT_TRANSACTIONS');
    expect(id.transact({ epoch, number: 0 })).toBe('CONCURRENT_TRANSACTIONS');
    id.nowMs += TIMEOUT_MS;
    expect(id.transact({ epoch, number: 0 })).toBe('INVALID_TXN_STATE');
    expect(id.transact({ epoch, number: 1 })).toBe('commit 1');
  });

  it('take an id over from whoever has a transaction open, by a newer epoch', () => {
    const id = new Id();
    const epoch = id.initialize();
    id.add({ epoch, number: 0 }, 0);
    expect(id.transact({ epoch: epoch + 1, number: 0 })).toBe('commit 1');
    expect(id.commit({ epoch, number: 0 })).toBe('PRODUCER_FENCED');
  });
});

describe('transactions in parts', () => {
  const begin = () => {
    const id = new Id();
    const caller = { epoch: id.initialize(), number: 0 };
    return { id, caller };
  };

  it('begin with their first part, end by commit, and are committed once', () => {
    const { id, caller } = begin();
    expect(id.add(caller, 0)).toBe('add');
    expect(id.add(caller, 1)).toBe('add');
    expect(id.commit(caller)).toBe('commit 1');
    expect(id.commit(caller)).toBe('repeat 1');
    expect(id.add({ ...caller, number: 1 }, 0)).toBe('add');
  });

  it('take each part once, in order, and so many', () => {
    const { id, caller } = begin();
    expect(id.add(caller, 1)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    for (let part = 0; part < PARTS_MAX; part++) expect(id.add(caller, part)).toBe('add');
    expect(id.add(caller, 0)).toBe('repeat');
    expect(id.add(caller, PARTS_MAX + 1)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(id.add(caller, PARTS_MAX)).toBe('POLICY_VIOLATION');
    expect(id.commit(caller)).toBe('commit 1');
  });

  it('are refused a commit after an abort, and an abort after a commit', () => {
    const { id, caller } = begin();
    id.add(caller, 0);
    expect(id.abort(caller)).toBe('abort');
    expect(id.abort(caller)).toBe('repeat');
    expect(id.commit(caller)).toBe('INVALID_TXN_STATE');
    expect(id.add(caller, 1)).toBe('INVALID_TXN_STATE');
    const next = { ...caller, number: 1 };
    id.add(next, 0);
    id.commit(next);
    expect(id.abort(next)).toBe('INVALID_TXN_STATE');
    expect(id.add(next, 1)).toBe('INVALID_TXN_STATE');
  });

  it('are refused a commit where nothing was added', () => {
    const { id, caller } = begin();
    expect(id.commit(caller)).toBe('INVALID_TXN_STATE');
    expect(id.abort(caller)).toBe('abort');
    expect(id.add(caller, 0)).toBe('INVALID_TXN_STATE');
  });

  it('are over when their time is, for whoever comes then', () => {
    const { id, caller } = begin();
    id.add(caller, 0);
    id.nowMs += TIMEOUT_MS - 1;
    expect(id.add(caller, 1)).toBe('add');
    id.nowMs += 1;
    expect(id.commit(caller)).toBe('INVALID_TXN_STATE');
    id.nowMs -= TIMEOUT_MS; // Another process, whose clock is behind: what was found over stays so.
    expect(id.commit(caller)).toBe('INVALID_TXN_STATE');
    expect(id.abort(caller)).toBe('repeat');
    expect(id.add({ ...caller, number: 1 }, 0)).toBe('add');
  });

  it('wait for the one before them', () => {
    const { id, caller } = begin();
    id.add(caller, 0);
    expect(id.add({ ...caller, number: 1 }, 0)).toBe('CONCURRENT_TRANSACTIONS');
    expect(id.abort({ ...caller, number: 1 })).toBe('CONCURRENT_TRANSACTIONS');
    expect(id.add({ ...caller, number: 2 }, 0)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  });

  it('are fenced by whoever initializes the id next, and by any epoch that is not theirs', () => {
    const { id, caller } = begin();
    id.add(caller, 0);
    id.initialize();
    for (const epoch of [caller.epoch, caller.epoch + 2]) {
      const other = { epoch, number: 0 };
      expect([id.add(other, 0), id.commit(other), id.abort(other)]).toEqual(Array(3).fill('PRODUCER_FENCED'));
    }
    expect(id.add({ epoch: caller.epoch + 1, number: 0 }, 0)).toBe('add');
  });

  it('need an id that was initialized', () => {
    const id = new Id();
    const caller = { epoch: 0, number: 0 };
    expect([id.add(caller, 0), id.commit(caller), id.abort(caller)]).toEqual(
      Array(3).fill('INVALID_PRODUCER_ID_MAPPING'),
    );
  });
});

describe('whatever happens to a transactional id', () => {
  const callers = fc.record({ epoch: fc.integer({ min: 0, max: 3 }), number: fc.integer({ min: 0, max: 3 }) });
  const steps = fc.oneof(
    fc.tuple(fc.constantFrom('transact', 'commit', 'abort'), callers, fc.constant(0)),
    fc.tuple(fc.constant('add'), callers, fc.integer({ min: 0, max: 3 })),
    fc.tuple(fc.constantFrom('initialize', 'pass'), callers, fc.constant(0)),
  );

  it('no transaction is committed twice, none after it was aborted, and none of an epoch that was fenced', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 40 }), (history) => {
        const id = new Id();
        const ended = new Map<string, string>();
        let newest = -1;
        let version = 0;
        for (const [step, caller, part] of history) {
          if (step === 'pass') id.nowMs += TIMEOUT_MS / 2;
          const before = id.state;
          let outcome = '';
          if (step === 'initialize') id.initialize();
          if (step === 'transact') outcome = id.transact(caller);
          if (step === 'commit') outcome = id.commit(caller);
          if (step === 'abort') outcome = id.abort(caller);
          if (step === 'add') outcome = id.add(caller, part);
          const name = `${caller.epoch}/${caller.number}`;
          const ends = outcome.startsWith('commit') || outcome === 'abort';
          // What a transaction ends with is what it is from then on.
          expect(ends && ended.has(name)).toBe(false);
          expect(outcome.startsWith('commit') && caller.epoch < newest).toBe(false);
          if (ends) ended.set(name, outcome.replace('commit', 'repeat'));
          expect(outcome.startsWith('repeat ') ? outcome : ended.get(name)).toBe(ended.get(name));
          newest = Math.max(newest, id.state?.epoch ?? -1);
          expect(id.state?.epoch ?? -1).toBe(newest);
          if (id.state !== before) version++;
          expect(id.state?.version ?? 0).toBe(version);
        }
      }),
      { numRuns: 500 },
    );
  });
});
