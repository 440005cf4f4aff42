/**
 * Who asks for erasures, and who carries them out: several at once, beside everything else that changes the ledgers'
 * segments.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import { carryOutErasures } from '../../../lib/broker/erasures/carry-out-erasures.ts';
import { createErasure } from '../../../lib/broker/erasures/create-erasure.ts';
import { sweepOnward } from '../../../lib/broker/sweep/sweep-onward.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import type { Subject } from '../../../lib/log/erasure/erase.ts';
import { SUBJECT_HEADER } from './erasure-watch.ts';
import type { LifecycleHistory } from './lifecycle-history.ts';
import type { Actor } from './lifecycle-processes.ts';
import { ifPossible, KEYS, SUBJECTS } from './lifecycle-writers.ts';

const ERASURES_MAX = 2;

export class LifecycleErasers {
  private readonly history: LifecycleHistory;
  private readonly random: Random;

  constructor(history: LifecycleHistory, random: Random) {
    this.history = history;
    this.random = random;
  }

  /** Now and then one more; by the names of its topics, or a pattern that all of them match. */
  async ask({ broker }: Actor): Promise<void> {
    const { plan, erasures, erasureAnswers } = this.history;
    if (!plan.erases || erasures.size >= ERASURES_MAX || this.random.fraction() > 0.4) return;
    const names = plan.topics.map(({ name }) => name).filter(() => this.random.fraction() < 0.7);
    const topics = names.length === 0 ? { pattern: '.*' } : { names };
    const askedAt = this.history.tick();
    const answer = await ifPossible(() => createErasure(broker, { topics, subject: this.someSubject() }));
    if (answer === undefined) return;
    const answeredAt = this.history.tick();
    this.history.count('erasures asked for');
    for (const topic of names) erasureAnswers.push({ id: answer.erasure.id, topic, askedAt, answeredAt });
  }

  /** What of them can be done now. */
  async carryOut(broker: Broker): Promise<void> {
    if (!this.history.plan.erases) return;
    const { finished } = await carryOutErasures(broker);
    this.history.count('erasures finished', finished);
  }

  /** They wait for the sweeper to have come past them. */
  async sweepOnward(broker: Broker): Promise<void> {
    if (this.history.plan.erases) await sweepOnward(broker);
  }

  get isAtWork(): boolean {
    return [...this.history.erasures.values()].some(({ doneAt }) => doneAt === undefined);
  }

  private someSubject(): Subject {
    return this.random.fraction() < 0.5
      ? { kind: 'key', key: utf8(`k${randomBelow(this.random, KEYS)}`) }
      : { kind: 'header', name: SUBJECT_HEADER, value: utf8(`s${randomBelow(this.random, SUBJECTS)}`) };
  }
}
