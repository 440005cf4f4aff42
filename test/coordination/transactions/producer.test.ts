import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRODUCER_EPOCH_MAX } from '../../../lib/coordination/producers/producer-id-item.ts';
import {
  decideAbort,
  decideAdd,
  decideInitialize,
  decideTransact,
} from '../../../lib/coordination/transactions/decide.ts';
import { decideEnd } from '../../../lib/coordination/transactions/decide-end.ts';
import { epochOf, producerOf } from '../../../lib/coordination/transactions/producer.ts';
import type {
  ProducerIdentity,
  TransactionalState,
} from '../../../lib/coordination/transactions/transactional-item.ts';

/** One transactional id; producer ids are handed out from 100 on. */
class Id {
  state: TransactionalState | undefined;
  handedOut = 0;

  /** What the producer is told; `fenced` where it is refused. */
  initialize(expected?: ProducerIdentity): ProducerIdentity | 'fenced' {
    let decision = decideInitialize(this.state, { timeoutMs: 1, ...(expected && { expected }) });
    if (decision.decision === 'needs-producer-id') {
      const producerId = 100 + this.handedOut++;
      decision = decideInitialize(this.state, { timeoutMs: 1, producerId, ...(expected && { expected }) });
    }
    if (decision.decision === 'initialize') this.state = decision.next;
    if (decision.decision === 'refuse' && decision.refusal.reason === 'fenced') return 'fenced';
    return this.producer as ProducerIdentity;
  }

  /** Aborts what is open, or nothing, as newer clients do. What its producer is told. */
  end(): ProducerIdentity {
    const decide = (producerId?: number) => {
      const raise = producerId === undefined ? {} : { producerId };
      return decideEnd(this.state, this.producer as ProducerIdentity, { as: 'abort', nowMs: 0, raise });
    };
    let decision = decide();
    if (decision.decision === 'needs-producer-id') decision = decide(100 + this.handedOut++);
    if (decision.decision !== 'close') throw new Error(decision.decision);
    this.state = decision.next;
    return decision.producer;
  }

  get producer() {
    return this.state && producerOf(this.state);
  }

  /** As if it had been initialized very often. */
  age(epochs: number): void {
    const state = this.state as TransactionalState;
    this.state = { ...state, epoch: state.epoch + epochs };
  }
}

describe('initialization of a transactional id', () => {
  it('hands out one producer id, and the epochs from 0 on', () => {
    const id = new Id();
    expect([id.initialize(), id.initialize(), id.initialize()]).toEqual([
      { id: 100, epoch: 0 },
      { id: 100, epoch: 1 },
      { id: 100, epoch: 2 },
    ]);
    expect(id.state?.epoch).toBe(2);
  });

  it('hands out another producer id with the epoch 0 where the epochs of 16 bits are used up, and fences the old one', () => {
    const id = new Id();
    id.initialize();
    id.age(PRODUCER_EPOCH_MAX - 2);
    expect(id.initialize()).toEqual({ id: 100, epoch: PRODUCER_EPOCH_MAX - 1 });
    const last = id.state as TransactionalState;
    expect(id.initialize()).toEqual({ id: 101, epoch: 0 });
    // The transactional id's own epoch goes on.
    expect(id.state?.epoch).toBe(last.epoch + 1);
    expect(epochOf(id.state as TransactionalState, { id: 100, epoch: PRODUCER_EPOCH_MAX - 1 })).toBeUndefined();
    expect(epochOf(id.state as TransactionalState, { id: 101, epoch: 0 })).toBe(last.epoch + 1);
    expect(id.initialize()).toEqual({ id: 101, epoch: 1 });
  });

  it('gives a producer that says who it is its next epoch once, however often it asks', () => {
    const id = new Id();
    const first = id.initialize() as ProducerIdentity;
    const second = id.initialize(first);
    expect(second).toEqual({ id: 100, epoch: 1 });
    expect([id.initialize(first), id.initialize(first)]).toEqual([second, second]);
    expect(id.initialize(second as ProducerIdentity)).toEqual({ id: 100, epoch: 2 });
    expect(id.initialize(first)).toBe('fenced');
  });

  it('does so too where the next epoch is of another producer id', () => {
    const id = new Id();
    id.initialize();
    id.age(PRODUCER_EPOCH_MAX - 1);
    const last = id.producer as ProducerIdentity;
    expect(id.initialize(last)).toEqual({ id: 101, epoch: 0 });
    expect(id.initialize(last)).toEqual({ id: 101, epoch: 0 });
    expect(id.handedOut).toBe(2);
  });

  it('fences a producer that says who it was before another took the id over', () => {
    const id = new Id();
    const first = id.initialize() as ProducerIdentity;
    const second = id.initialize(first) as ProducerIdentity;
    id.initialize();
    expect([id.initialize(first), id.initialize(second)]).toEqual(['fenced', 'fenced']);
    expect(id.initialize({ id: 99, epoch: 2 })).toBe('fenced');
    expect(id.producer).toEqual({ id: 100, epoch: 2 });
  });

  it('keeps the producer over transactions, and the answer to a repeated call', () => {
    const id = new Id();
    const first = id.initialize() as ProducerIdentity;
    const second = id.initialize(first);
    const caller = { epoch: 1, number: 0 };
    const added = decideAdd(id.state, caller, { part: 0, partsMax: 9, nowMs: 0 });
    id.state = added.decision === 'add' ? added.next : undefined;
    const aborted = decideAbort(id.state, caller);
    id.state = aborted.decision === 'abort' ? aborted.next : undefined;
    expect(id.producer).toEqual(second);
    expect(id.initialize(first)).toEqual(second);
  });

  it('counts epochs that callers declare, and hands out another producer id where they are beyond its own', () => {
    const declare = (id: Id, epoch: number) => {
      const decision = decideTransact(id.state, { epoch, number: 0 }, { nowMs: 0, timeoutMs: 1 });
      id.state = decision.decision === 'commit' ? decision.next : undefined;
    };
    const id = new Id();
    const first = id.initialize() as ProducerIdentity;
    declare(id, 5);
    expect(id.initialize(first)).toBe('fenced');
    expect(id.initialize()).toEqual({ id: 100, epoch: 6 });
    declare(id, 2 ** 40);
    expect(id.producer).toBeUndefined();
    expect(id.initialize()).toEqual({ id: 101, epoch: 0 });
    expect(id.state?.epoch).toBe(2 ** 40 + 1);
  });

  it('never hands out a name twice to two that asked, and never one beyond 16 bits', () => {
    const steps = fc.array(
      fc.oneof(
        fc.constant('initialize' as const),
        fc.constant('own' as const),
        fc.constant('end' as const),
        fc.nat({ max: 2 * PRODUCER_EPOCH_MAX }).map((epochs) => ({ age: epochs })),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const id = new Id();
        const told = new Set<string>();
        let epoch = -1;
        for (const step of all) {
          if (typeof step === 'object') {
            // As many initializations, without those beyond the last that the producer id has.
            const left = id.producer === undefined ? 0 : PRODUCER_EPOCH_MAX - 1 - id.producer.epoch;
            if (id.state !== undefined) id.age(Math.min(step.age, left));
            continue;
          }
          if (step === 'end' && id.producer === undefined) continue;
          const asks = () => id.initialize(step === 'own' ? id.producer : undefined) as ProducerIdentity;
          const got = step === 'end' ? id.end() : asks();
          expect(got).toEqual(id.producer);
          expect(got.epoch).toBeLessThan(PRODUCER_EPOCH_MAX);
          const name = `${got.id}/${got.epoch}`;
          expect(told.has(name)).toBe(false);
          told.add(name);
          const state = id.state as TransactionalState;
          expect(state.epoch).toBeGreaterThan(epoch);
          expect(epochOf(state, got)).toBe(state.epoch);
          epoch = state.epoch;
        }
      }),
    );
  });
});
