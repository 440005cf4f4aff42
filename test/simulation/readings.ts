/** What readers ask, and what they are told, noted in the history. */
import type { Broker } from '../../lib/broker/broker.ts';
import { fetchRecords } from '../../lib/broker/fetch/fetch.ts';
import { listOffsets } from '../../lib/broker/fetch/list-offsets.ts';
import { utf8, utf8Text } from '../../lib/kernel/bytes.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { FetchEvent, FinalPartition, History } from './history.ts';
import type { SimulatedProcess } from './scheduler.ts';

export interface Place {
  topic: string;
  partition: number;
}

export class Readings {
  private readonly history: History;
  private readonly random: Random;

  constructor(history: History, random: Random) {
    this.history = history;
    this.random = random;
  }

  /** One past what was acked last, which somebody may have gone beyond. */
  guessNext({ topic, partition }: Place): number {
    const acked = this.history.produces.flatMap(({ answer, topic: t, partition: p, values }) =>
      answer.kind === 'acked' && p === partition && t === topic ? [answer.baseOffset + values.length] : [],
    );
    return Math.max(0, ...acked);
  }

  /** Where to go on reading. */
  async fetch(
    broker: Broker,
    process: SimulatedProcess,
    { rack, ...place }: Place & { offset: number; rack?: string },
  ): Promise<FetchEvent> {
    const event: FetchEvent = {
      reader: process.name,
      ...place,
      askedAt: this.history.tick(),
      answer: { kind: 'none' },
    };
    this.history.fetches.push(event);
    const waitMs = this.random.fraction() < 0.3 ? randomBelow(this.random, 500) : 0;
    try {
      const { topic, partition, offset } = place;
      const fetched = await fetchRecords(broker, {
        topic,
        partition,
        position: { at: 'offset', offset },
        maxBytes: 200 + randomBelow(this.random, 4_000),
        maxRecords: 1 + randomBelow(this.random, 40),
        minBytes: 1,
        waitMs,
        rack,
      });
      const values = fetched.records.map((record) => ({ offset: record.offset, value: textOf(record.value) }));
      const { nextOffset, highWatermark } = fetched;
      event.answer = { kind: 'records', values, nextOffset, highWatermark };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      event.answer =
        error.code === 'OFFSET_OUT_OF_RANGE'
          ? { kind: 'outOfRange', highWatermark: error.facts.highWatermark ?? -1 }
          : { kind: 'failed', code: error.code };
    }
    event.answeredAt = this.history.tick();
    return event;
  }

  async latest(broker: Broker, process: SimulatedProcess, { topic, partition }: Place): Promise<void> {
    const askedAt = this.history.tick();
    try {
      const { offset } = await listOffsets(broker, { topic, partition, at: { at: 'latest' } });
      const answeredAt = this.history.tick();
      this.history.latests.push({
        reader: process.name,
        topic,
        partition,
        askedAt,
        answeredAt,
        latest: offset ?? -1,
      });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
    }
  }

  /** Reads all of a partition, by a process that has seen nothing. */
  async audit(broker: Broker, { topic, partition }: Place): Promise<void> {
    const values: FinalPartition['values'] = [];
    const { offset: latest } = await listOffsets(broker, { topic, partition, at: { at: 'latest' } });
    const highWatermark = latest ?? 0;
    let failure: string | undefined;
    for (let offset = 0; offset < highWatermark && failure === undefined; ) {
      try {
        const position = { at: 'offset' as const, offset };
        const request = { topic, partition, position, maxBytes: 50_000, maxRecords: 500, minBytes: 1, waitMs: 0 };
        const fetched = await fetchRecords(broker, request);
        for (const record of fetched.records) values.push({ offset: record.offset, value: textOf(record.value) });
        if (fetched.nextOffset <= offset) failure = `the fetch of ${offset} does not advance`;
        offset = fetched.nextOffset;
      } catch (error) {
        failure = `offset ${offset}: ${String(error)}`;
      }
    }
    this.history.finals.push({ topic, partition, highWatermark, values, failure });
  }
}

/** Some values are padded, so that a request may be of inline or of segment size. */
export function paddingOf(random: Random): string {
  return random.fraction() < 0.3 ? 'x'.repeat(600) : '';
}

export function valueOf(value: string, padding: string): Uint8Array {
  return utf8(value + padding);
}

/** The value without its padding. */
function textOf(value: Uint8Array | null): string {
  return (value === null ? 'null' : (utf8Text(value) ?? 'binary')).replace(/x*$/, '');
}
