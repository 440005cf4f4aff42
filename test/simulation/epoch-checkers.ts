/**
 * What must hold of producers whose epoch goes up with every transaction, by what the table held after each write of
 * it.
 */
import { isSameProducer } from '../../lib/coordination/transactions/producer.ts';
import type { Checker, EpochRaise, History } from './history.ts';
import { sightOf } from './transaction-checkers.ts';

export const epochCheckers: Record<string, Checker> = {
  'a transaction is committed, and its producer has its next epoch, from the same moment on': (history) => {
    const sight = sightOf(history);
    const raises = raisesOf(history);
    return history.producers.transactions.flatMap((transaction) => {
      const { name, transactionalId, producer } = transaction;
      const moment = sight.moment(transaction);
      if (producer === undefined || moment === undefined) return [];
      const raise = raises(transactionalId).find(
        ({ as, before }) => as === 'commit' && isSameProducer(before, producer),
      );
      if (raise?.moment === moment) return [];
      return [`${name} is there from ${moment} on, and its producer's epoch went up ${raise?.moment ?? 'never'}`];
    });
  },

  'whoever ends a transaction is told what the producer is called from then on': (history) => {
    const raises = raisesOf(history);
    return history.producers.ends.flatMap(({ transaction: { name, transactionalId }, as, before, after }) => {
      const isTrue = raises(transactionalId).some(
        (raise) => raise.as === as && isSameProducer(raise.before, before) && isSameProducer(raise.after, after),
      );
      return isTrue
        ? []
        : [`${name}: the ${as} was answered with ${after.id}/${after.epoch}, which the table never had`];
    });
  },

  'whoever ends a transaction is not taken for another, unless the id was taken over': (history) =>
    history.producers.fencedEnds.flatMap(({ transaction: { name, transactionalId, epoch }, answeredAt }) => {
      const isOvertaken = history.producers.takeovers.some(
        (one) => one.transactionalId === transactionalId && one.epoch > epoch && one.moment < answeredAt,
      );
      return isOvertaken ? [] : [`${name} was fenced at ${answeredAt}, and nobody had taken the id over`];
    }),

  'no two ends are answered with the same producer': (history) => {
    const given = new Map<string, string>();
    return history.producers.raises.flatMap(({ transactionalId, before, after }) => {
      const [name, to] = [`${after.id}/${after.epoch}`, `${transactionalId}, before ${before.id}/${before.epoch}`];
      const earlier = given.get(name) ?? to;
      given.set(name, earlier);
      return earlier === to ? [] : [`${name} was given to ${earlier} and to ${to}`];
    });
  },
};

function raisesOf({ producers }: History): (transactionalId: string) => readonly EpochRaise[] {
  const byId = Map.groupBy(producers.raises, ({ transactionalId }) => transactionalId);
  return (transactionalId) => byId.get(transactionalId) ?? [];
}
