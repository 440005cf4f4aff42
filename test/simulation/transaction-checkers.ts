/**
 * What must hold of transactions. When something of a transaction could be seen first is taken from the table itself,
 * which was looked at after each write of it: a record can be seen from the moment on that its partition's end is
 * beyond it.
 */
import { COPYING_GROUP, copyOf } from './copying-workers.ts';
import type { Checker, History, TransactionEvent } from './history.ts';

export const transactionCheckers: Record<string, Checker> = {
  'all of a transaction is there, or nothing': (history) => {
    const sight = sightOf(history);
    return history.producers.transactions.flatMap((transaction) => {
      const missing = sight.pieces(transaction).filter(({ moment }) => moment === undefined);
      const isWhole = missing.length === 0 || missing.length === sight.pieces(transaction).length;
      return isWhole ? [] : [`${transaction.name} is there without ${missing.map(({ what }) => what).join(', ')}`];
    });
  },

  'all of a transaction can be seen from the same moment on': (history) => {
    const sight = sightOf(history);
    return history.producers.transactions.flatMap((transaction) => {
      const seen = sight.pieces(transaction).filter(({ moment }) => moment !== undefined);
      if (new Set(seen.map(({ moment }) => moment)).size <= 1) return [];
      return [`${transaction.name}: ${seen.map(({ what, moment }) => `${what} from ${moment} on`).join(', ')}`];
    });
  },

  'a transaction that is answered is there, where every answer said': (history) => {
    const sight = sightOf(history);
    return history.producers.transactions.flatMap((transaction) => {
      const { name, outcome, acks } = transaction;
      if (acks.length === 0) return [];
      if (outcome === 'aborted') return [`${name} was aborted, and then committed`];
      const wrong = sight.pieces(transaction).filter(({ moment }) => moment === undefined);
      const elsewhere = acks.flatMap((ack) =>
        ack.filter(
          ({ topic, partition, baseOffset }) => sight.baseOffset(transaction, topic, partition) !== baseOffset,
        ),
      );
      return [
        ...wrong.map(({ what }) => `${name} was committed without ${what}`),
        ...elsewhere.map(({ topic, partition, baseOffset }) => `${name} is not at ${topic}-${partition} ${baseOffset}`),
      ];
    });
  },

  'nothing of an aborted transaction is ever seen': (history) => {
    const sight = sightOf(history);
    const read = new Set(
      history.fetches.flatMap(({ answer }) =>
        answer.kind === 'records' ? answer.values.map(({ value }) => value) : [],
      ),
    );
    return history.producers.transactions.flatMap((transaction) => {
      if (transaction.outcome !== 'aborted') return [];
      const there = sight.pieces(transaction).filter(({ moment }) => moment !== undefined);
      const seen = transaction.produces.flatMap(({ values }) => values.filter((value) => read.has(value)));
      return [
        ...there.map(({ what }) => `${what} of ${transaction.name} is there, which was aborted`),
        ...seen.map((value) => `${value} was read, and its transaction aborted`),
      ];
    });
  },

  'transactions of an id appear in the order of their epochs and numbers': (history) => {
    const sight = sightOf(history);
    const newest = new Map<string, TransactionEvent>();
    return sight.appeared().flatMap((transaction) => {
      const before = newest.get(transaction.transactionalId);
      newest.set(transaction.transactionalId, transaction);
      if (before === undefined || isBefore(before, transaction)) return [];
      return [`${transaction.name} appeared after ${before.name}`];
    });
  },

  'nothing of an older epoch appears after the id was taken over': (history) => {
    const sight = sightOf(history);
    return sight.appeared().flatMap((transaction) => {
      const moment = sight.moment(transaction) as number;
      const fence = history.producers.initializations.find(
        ({ transactionalId, epoch, answeredAt }) =>
          transactionalId === transaction.transactionalId && epoch > transaction.epoch && answeredAt < moment,
      );
      return fence === undefined ? [] : [`${transaction.name} appeared after epoch ${fence.epoch} had been handed out`];
    });
  },

  'whoever has seen something of a transaction sees all of it': (history) => {
    const sight = sightOf(history);
    const parts = new Map(history.producers.transactions.map((one) => [one, sight.ranges(one)] as const));
    const byValue = new Map(
      history.producers.transactions.flatMap((one) =>
        one.produces.flatMap(({ values }) => values.map((value) => [value, one] as const)),
      ),
    );
    const firstSeen = new Map<TransactionEvent, number>();
    for (const { answer, answeredAt } of history.fetches) {
      if (answer.kind !== 'records' || answeredAt === undefined) continue;
      for (const { value } of answer.values) {
        const transaction = byValue.get(value);
        if (transaction === undefined) continue;
        firstSeen.set(transaction, Math.min(answeredAt, firstSeen.get(transaction) ?? answeredAt));
      }
    }
    return [...firstSeen].flatMap(([transaction, seenAt]) =>
      (parts.get(transaction) ?? []).flatMap(({ topic, partition, end }) =>
        history.latests
          .filter((one) => one.topic === topic && one.partition === partition && one.askedAt > seenAt)
          .filter(({ latest }) => latest < end)
          .map(({ reader, latest }) => {
            return `${reader} was told latest ${latest} of ${topic}-${partition}, and ${transaction.name} was seen up to ${end}`;
          }),
      ),
    );
  },

  'inputs below the committed offset are copied, once each, at every moment': (history) => {
    const { steps } = history.producers;
    const copies = copiesOf(history);
    const sight = sightOf(history);
    const moments = new Map<number, number[]>();
    for (const { partition, name } of copies) {
      const transaction = history.producers.transactions.find((one) => one.name === name);
      const moment = transaction && sight.moment(transaction);
      moments.set(partition, [...(moments.get(partition) ?? []), moment ?? Number.POSITIVE_INFINITY]);
    }
    const wrong = steps.flatMap((step) => {
      if (step.kind !== 'offset' || step.group !== COPYING_GROUP) return [];
      const count = (moments.get(step.partition) ?? []).filter((moment) => moment <= step.moment).length;
      return count === step.offset ? [] : [`${count} copies of partition ${step.partition}, committed ${step.offset}`];
    });
    const seen = new Set<string>();
    const twice = copies.flatMap(({ partition, offset }) => {
      const name = copyOf(partition, offset);
      const again = seen.has(name);
      seen.add(name);
      return again ? [`${name} is there twice`] : [];
    });
    return [...wrong.slice(0, 1), ...twice];
  },
};

function isBefore(a: TransactionEvent, b: TransactionEvent): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.number < b.number);
}

function copiesOf({ finals }: History): { partition: number; offset: number; name: string }[] {
  return finals.flatMap(({ values }) =>
    values.flatMap(({ value }) => {
      const match = /^copy (\d+)\/(\d+) of (.*)$/.exec(value);
      return match === null
        ? []
        : [{ partition: Number(match[1]), offset: Number(match[2]), name: match[3] as string }];
    }),
  );
}

/** When, and where, the pieces of transactions could be seen. */
class Sight {
  private readonly history: History;
  private readonly offsetOf = new Map<string, number>();
  private readonly heads = new Map<string, { moment: number; next: number[] }[]>();
  private readonly commits = new Map<string, number>();
  private readonly known = new Map<TransactionEvent, Piece[]>();

  constructor(history: History) {
    this.history = history;
    for (const { values } of history.finals) for (const { value, offset } of values) this.offsetOf.set(value, offset);
    for (const step of history.producers.steps) {
      if (step.kind === 'head') {
        const list = this.heads.get(step.ledger) ?? [];
        list.push(step);
        this.heads.set(step.ledger, list);
      } else {
        const name = offsetName(step, step.name);
        if (!this.commits.has(name)) this.commits.set(name, step.moment);
      }
    }
  }

  pieces(transaction: TransactionEvent): readonly Piece[] {
    const found = this.known.get(transaction) ?? this.look(transaction);
    this.known.set(transaction, found);
    return found;
  }

  /** When the first of it could be seen. */
  moment(transaction: TransactionEvent): number | undefined {
    const moments = this.pieces(transaction).flatMap(({ moment }) => (moment === undefined ? [] : [moment]));
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** Those of which something was ever there, in the order in which they appeared. */
  appeared(): TransactionEvent[] {
    return this.history.producers.transactions
      .filter((one) => this.moment(one) !== undefined)
      .sort((a, b) => (this.moment(a) as number) - (this.moment(b) as number));
  }

  baseOffset({ produces }: TransactionEvent, topic: string, partition: number): number | undefined {
    const own = produces.find((one) => one.topic === topic && one.partition === partition);
    return own && this.offsetOf.get(own.values[0] as string);
  }

  /** Where its records are, with one past the last of each partition. */
  ranges({ produces }: TransactionEvent): { topic: string; partition: number; end: number }[] {
    return produces.flatMap(({ topic, partition, values }) => {
      const last = this.offsetOf.get(values.at(-1) as string);
      return last === undefined ? [] : [{ topic, partition, end: last + 1 }];
    });
  }

  private look({ name, produces, offsets }: TransactionEvent): Piece[] {
    const records = produces.flatMap(({ topic, partition, values }) =>
      values.map((value) => ({ what: value, moment: this.recordMoment(topic, partition, value) })),
    );
    const committed = offsets.map((one) => {
      const what = `offset of ${one.group} in ${one.topic}-${one.partition}`;
      return { what, moment: this.commits.get(offsetName(one, name)) };
    });
    return [...records, ...committed];
  }

  private recordMoment(topic: string, partition: number, value: string): number | undefined {
    const offset = this.offsetOf.get(value);
    const place = this.history.producers.places.get(`${topic}-${partition}`);
    if (offset === undefined || place === undefined) return undefined;
    const steps = this.heads.get(place.ledger) ?? [];
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((steps[middle]?.next[place.slot] ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return steps[low]?.moment;
  }
}

interface Piece {
  what: string;
  /** `undefined`: never. */
  moment: number | undefined;
}

function offsetName({ group, topic, partition }: { group: string; topic: string; partition: number }, name: string) {
  return `${group}#${topic}#${partition}#${name}`;
}

/** Made once for a history, by whichever checker comes first. */
const sights = new WeakMap<History, Sight>();

export function sightOf(history: History): Sight {
  const sight = sights.get(history) ?? new Sight(history);
  sights.set(history, sight);
  return sight;
}
