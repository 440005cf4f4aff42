/** What must hold in every history. Each checker returns the sentences that say how it does not. */

import { epochCheckers } from './epoch-checkers.ts';
import type { Checker, FetchEvent, FinalPartition, History } from './history.ts';
import { producerCheckers } from './producer-checkers.ts';
import { mayBeLost, replicationCheckers } from './replication-checkers.ts';
import { topicCheckers } from './topic-checkers.ts';
import { transactionCheckers } from './transaction-checkers.ts';

export interface Violation {
  checker: string;
  what: string;
}

export function check(history: History): Violation[] {
  return Object.entries(checkers).flatMap(([checker, run]) => run(history).map((what) => ({ checker, what })));
}

const checkers: Record<string, Checker> = {
  'the whole log is readable': (history) =>
    history.finals.flatMap((final) => (final.failure === undefined ? [] : [`${nameOf(final)}: ${final.failure}`])),

  'offsets are dense': (history) =>
    history.finals.flatMap((final) => {
      const holes = final.values.flatMap(({ offset }, index) => (offset === index ? [] : [`${offset} at ${index}`]));
      if (final.failure === undefined && final.values.length !== final.highWatermark) {
        holes.push(`${final.values.length} records below the high watermark ${final.highWatermark}`);
      }
      return holes.slice(0, 1).map((hole) => `${nameOf(final)}: ${hole}`);
    }),

  'an acked record is where its ack said': (history) => {
    const logs = logsOf(history);
    return history.produces.flatMap((event) => {
      if (event.answer.kind !== 'acked' || event.acks === 'leader') return [];
      const { baseOffset } = event.answer;
      const log = logs.get(nameOf(event));
      return event.values.flatMap((value, index) =>
        log?.[baseOffset + index] === value
          ? []
          : [`${value} was acked at ${nameOf(event)} ${baseOffset + index}, where ${log?.[baseOffset + index]} is`],
      );
    });
  },

  'no record twice': (history) => {
    const seen = new Map<string, string>();
    return history.finals.flatMap((final) =>
      final.values.flatMap(({ offset, value }) => {
        const place = `${nameOf(final)} ${offset}`;
        const before = seen.get(value);
        seen.set(value, place);
        return before === undefined ? [] : [`${value} is at ${before} and at ${place}`];
      }),
    );
  },

  'nothing that nobody wrote, nothing that failed without effect': (history) => {
    const writes = new Map(history.produces.flatMap((event) => event.values.map((value) => [value, event] as const)));
    return history.finals.flatMap((final) =>
      final.values.flatMap(({ offset, value }) => {
        const event = writes.get(value);
        const place = `${value} at ${nameOf(final)} ${offset}`;
        if (event === undefined || nameOf(event) !== nameOf(final)) return [`${place} was not written there`];
        const failed = event.answer.kind === 'failed' && event.answer.effect === 'none';
        return failed ? [`${place} was answered with effect none`] : [];
      }),
    );
  },

  'a request is all or nothing, in order': (history) => {
    const places = new Map(
      history.finals.flatMap((final) => final.values.map(({ offset, value }) => [value, offset] as const)),
    );
    return history.produces.flatMap((event) => {
      const offsets = event.values.map((value) => places.get(value));
      const first = offsets[0];
      const whole = offsets.every((offset, index) =>
        first === undefined ? offset === undefined : offset === first + index,
      );
      return whole ? [] : [`${event.values.join(', ')} lie at ${offsets.join(', ')}`];
    });
  },

  'what is asked after an ack comes after it': (history) => {
    const acked = ackedEnds(history);
    return history.produces.flatMap((event) => {
      if (event.answer.kind !== 'acked') return [];
      const end = endBefore(acked.get(nameOf(event)), event.askedAt);
      const { baseOffset } = event.answer;
      return baseOffset < end ? [`${event.values[0]} is at ${baseOffset}, records up to ${end} were acked before`] : [];
    });
  },

  'an expected offset was the next one': (history) =>
    history.produces.flatMap((event) =>
      event.expectedOffset !== undefined &&
      event.answer.kind === 'acked' &&
      event.answer.baseOffset !== event.expectedOffset
        ? [`${event.values[0]} expected ${event.expectedOffset} and got ${event.answer.baseOffset}`]
        : [],
    ),

  'readers see the log and nothing else': (history) => {
    const logs = logsOf(history);
    return history.fetches.flatMap(({ reader, answer, ...event }) => {
      if (answer.kind !== 'records') return [];
      const log = logs.get(nameOf(event));
      const wrong = answer.values.flatMap(({ offset, value }) =>
        log?.[offset] === value ? [] : [`${reader} saw ${value} at ${nameOf(event)} ${offset}, not ${log?.[offset]}`],
      );
      return [...wrong, ...passedOver(history, { reader, answer, ...event })];
    });
  },

  'what is acked is readable at once': (history) => {
    const acked = ackedEnds(history);
    return history.fetches.flatMap(({ reader, answer, ...event }) => {
      const end = endBefore(acked.get(nameOf(event)), event.askedAt);
      const where = `${nameOf(event)} ${event.offset}, where records up to ${end} were acked before`;
      if (event.offset >= end) return [];
      if (answer.kind === 'outOfRange') return [`${reader} was told out of range at ${where}`];
      if (answer.kind === 'records' && answer.nextOffset === event.offset)
        return [`${reader} was told nothing at ${where}`];
      return [];
    });
  },

  'latest is at least what was acked before': (history) => {
    const acked = ackedEnds(history);
    return history.latests.flatMap((event) => {
      const end = endBefore(acked.get(nameOf(event)), event.askedAt);
      return event.latest < end
        ? [`${event.reader} was told latest ${event.latest} of ${nameOf(event)}, acked ${end}`]
        : [];
    });
  },

  'a sweep leaves no orphan': (history) => history.orphans.map((name) => `${name} is in no ledger`),

  ...topicCheckers,
  ...producerCheckers,
  ...transactionCheckers,
  ...epochCheckers,
  ...replicationCheckers,
};

/** From where it was asked to where it is to go on, a reading is without a gap, but for what may be lost. */
function passedOver(history: History, { reader, answer, offset: asked, ...place }: FetchEvent): string[] {
  if (answer.kind !== 'records') return [];
  let next = asked;
  for (const { offset } of [...answer.values, { offset: answer.nextOffset }]) {
    if (offset < next || !(offset === next || mayBeLost(history, place, next, offset))) {
      return [`${reader} asked ${nameOf(place)} ${asked}, and got ${offset} in place of ${next}`];
    }
    next = offset + 1;
  }
  return [];
}

function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}-${partition}`;
}

function logsOf(history: History): Map<string, (string | undefined)[]> {
  return new Map(
    history.finals.map((final: FinalPartition) => {
      const log: (string | undefined)[] = [];
      for (const { offset, value } of final.values) log[offset] = value;
      return [nameOf(final), log];
    }),
  );
}

/** Per partition, the acks of all in sync, in the order of their answers, each with one past its last offset. */
function ackedEnds(history: History): Map<string, { answeredAt: number; end: number }[]> {
  const ends = new Map<string, { answeredAt: number; end: number }[]>();
  for (const event of history.produces) {
    if (event.answer.kind !== 'acked' || event.acks === 'leader') continue;
    const list = ends.get(nameOf(event)) ?? [];
    list.push({ answeredAt: event.answer.answeredAt, end: event.answer.baseOffset + event.values.length });
    ends.set(nameOf(event), list);
  }
  return ends;
}

function endBefore(acks: readonly { answeredAt: number; end: number }[] | undefined, moment: number): number {
  return (acks ?? []).reduce((end, ack) => (ack.answeredAt < moment ? Math.max(end, ack.end) : end), 0);
}
