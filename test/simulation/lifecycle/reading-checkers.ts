/** What readers were given is what is in the log, all of it, and nothing else. */

import { mayBeAbsent } from './absence.ts';
import {
  endAt,
  type LifecycleChecker,
  type LifecycleHistory,
  type Place,
  type ReadingEvent,
  startAt,
  type TruePartition,
} from './lifecycle-history.ts';

export const readingCheckers: Record<string, LifecycleChecker> = {
  'readers are given what was written, without a gap': (history) =>
    history.readings.flatMap((event) => {
      const faults = history.of(event).map((partition) => faultOf(history, event, partition));
      // Of topics of one name it may be any one's.
      const first = faults[0] ?? 'there is no such topic';
      return faults.length > 0 && faults.includes(undefined)
        ? []
        : [`${event.reader} (${event.how}) ${nameOf(event)}: ${first}`];
    }),

  'a record stays at the offset of its ack': (history) =>
    history.acks.flatMap(({ writer, baseOffset, texts, ...place }) => {
      const isThere = ({ records }: TruePartition) =>
        texts.every((text, index) => records[baseOffset + index]?.text === text);
      return history.of(place).some(isThere)
        ? []
        : [`${writer} was acked ${texts[0]} at ${nameOf(place)} ${baseOffset}`];
    }),

  'no record is committed twice': (history) =>
    [...history.partitions.values()].flatMap((partition) => {
      const values = partition.records.filter(({ isTombstone }) => !isTombstone).map(({ text }) => text.split('|')[2]);
      return new Set(values).size === values.length ? [] : [`${nameOf(partition)} has a record twice`];
    }),

  'of a transaction all is there or nothing': (history) => {
    const there = new Set(
      [...history.partitions.values()].flatMap(({ records }) => records.map(({ text }) => text.split('|')[2])),
    );
    return history.transactions.flatMap(({ values, outcome }) => {
      const found = values.filter((value) => there.has(value)).length;
      const isRight = found === 0 ? outcome !== 'committed' : found === values.length && outcome !== 'aborted';
      return isRight || values.length === 0 ? [] : [`${found} of ${values.join(' ')}, which was ${outcome}`];
    });
  },

  'out of range is only what is': (history) =>
    history.outOfRanges.flatMap(({ reader, offset, askedAt, answeredAt, ...place }) => {
      const isOut = (partition: TruePartition) =>
        offset < startAt(partition, answeredAt) || offset > endAt(partition, askedAt);
      return ofOne(history, place).some(isOut)
        ? []
        : [`${reader} was told that ${nameOf(place)} ${offset} is out of range`];
    }),

  'a partition begins where it is said to': (history) =>
    history.earliests.flatMap(({ reader, offset, askedAt, answeredAt, ...place }) => {
      const isRight = (partition: TruePartition) =>
        offset >= startAt(partition, askedAt) && offset <= startAt(partition, answeredAt);
      return ofOne(history, place).some(isRight)
        ? []
        : [`${reader} was told that ${nameOf(place)} begins at ${offset}`];
    }),

  'a time is found where it is': (history) =>
    history.sinces.flatMap(({ reader, offset, timestampMs, askedAt, answeredAt, ...place }) => {
      const isRight = (partition: TruePartition) => {
        const { records } = partition;
        if (offset !== undefined && (records[offset]?.timestamp ?? -1) < timestampMs) return false;
        const start = startAt(partition, answeredAt);
        const passedOver = records.slice(start, offset ?? endAt(partition, askedAt));
        return passedOver.every(
          ({ timestamp }, index) =>
            timestamp < timestampMs || mayBeAbsent(history, partition, { offset: start + index, answeredAt }),
        );
      };
      return ofOne(history, place).some(isRight)
        ? []
        : [`${reader} was told that ${nameOf(place)} has ${offset ?? 'nothing'} since ${timestampMs}`];
    }),

  'a read fails only where storage does': ({ failures }) => failures,

  'offsets count what was committed': ({ impossible }) => impossible.slice(0, 3),

  'a producer is told where its newest batch is': (history) =>
    history.retries.flatMap(({ producer, offset, answer, ...place }) =>
      answer.kind === 'offset' && answer.offset === offset
        ? []
        : [
            `${producer} was told ${answer.kind === 'offset' ? answer.offset : answer.kind} of ${nameOf(place)} ${offset}`,
          ],
    ),
};

function ofOne(history: LifecycleHistory, { topic, partition }: Place): TruePartition[] {
  return history.of({ topic, partition });
}

function faultOf(
  history: LifecycleHistory,
  { from, to, records, answeredAt }: ReadingEvent,
  partition: TruePartition,
): string | undefined {
  const { records: log } = partition;
  // What was below the log start by the answer may have been there or not.
  const start = Math.min(startAt(partition, answeredAt), to);
  const isThere = (missing: number) =>
    missing >= start && !mayBeAbsent(history, partition, { offset: missing, answeredAt });
  let next = from;
  for (const { offset, text } of records) {
    if (offset < from || offset >= to) continue;
    if (offset < next || range(next, offset).some(isThere)) return `${offset} comes in place of ${next}`;
    if (log[offset]?.text !== text) return `${offset} is ${text}, and was ${log[offset]?.text}`;
    next = offset + 1;
  }
  return range(next, to).every((missing) => !isThere(missing)) || from >= to
    ? undefined
    : `from ${from} to ${to}, and there was nothing from ${next} on`;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

export function nameOf({ topic, partition }: Place): string {
  return `${topic} ${partition}`;
}
