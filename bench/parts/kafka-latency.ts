/**
 * From the moment at which a record is to be sent to the poll that returns it, at 1,000 records a second through Java's
 * own producer and consumer, against Apache Kafka. Once with the producer's default linger, which is what most of the
 * time is spent on, and once without.
 */
import { runJava } from '../../test/peers/kafka/java/jvm.ts';
import { type Figure, show, type Table } from '../figure.ts';
import { createTopic, javaMissing, type Side, startApacheKafka, startGateway } from '../kafka/sides.ts';
import { RECORD_BYTES } from '../kafka/tools.ts';
import { takeTurns } from '../kafka/turns.ts';
import type { Part, PartContext } from '../part.ts';
import { median, pairedRatio } from '../statistics.ts';

const NAME = 'End to end at 1,000 records/s through the gateway, against Apache Kafka';
const TOPIC = 'latency';
const PARTITIONS = 6;
const RECORDS_PER_SECOND = 1_000;
const WARM_UP_SECONDS = 8;
const MEASURED_SECONDS = 12;
const BOUND = 2;
const LINGERS = [
  { lingerMs: 5, title: 'linger.ms=5, the default' },
  { lingerMs: 0, title: 'linger.ms=0' },
] as const;

interface Latency {
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
}

export const kafkaLatency: Part = {
  name: 'kafka-latency',
  summary: 'end-to-end latency of Java clients at 1,000 records/s at the gateway, against Apache Kafka',
  run: async (context) => {
    const skipped = javaMissing();
    if (skipped !== undefined) return { figures: [{ name: NAME, skipped }] };
    const sides = [await startGateway(context), await startApacheKafka(context)] as const;
    try {
      for (const side of sides) await createTopic(side, TOPIC, PARTITIONS);
      const figures: Figure[] = [];
      const rows: string[][] = [];
      for (const { lingerMs, title } of LINGERS) {
        const compared = await compare(context, sides, lingerMs);
        figures.push(...figuresOf(title, compared));
        rows.push(...sides.map(({ name }, at) => [`${title}: ${name}`, ...medians(compared[at as 0 | 1])]));
      }
      const table: Table = {
        title: NAME,
        columns: ['medians of rounds', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms'],
        rows,
      };
      return { figures, tables: [table] };
    } finally {
      await Promise.all(sides.map((side) => side.stop()));
    }
  },
};

function compare(
  context: PartContext,
  sides: readonly [Side, Side],
  lingerMs: number,
): Promise<[Latency[], Latency[]]> {
  const main = `${import.meta.dirname}/../kafka/PacedLatency.java`;
  return takeTurns(context, {
    sides,
    run: async ({ port }) => {
      const numbers = [RECORDS_PER_SECOND, RECORD_BYTES, WARM_UP_SECONDS, MEASURED_SECONDS, lingerMs].map(String);
      const { stdout } = await runJava({ main, args: [`127.0.0.1:${port}`, TOPIC, ...numbers], options: ['-Xmx256m'] });
      return JSON.parse(stdout) as Latency;
    },
    describe: ({ p50Ms, p99Ms }) => `linger ${lingerMs} ms: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
  });
}

function figuresOf(title: string, [measured, baseline]: readonly [Latency[], Latency[]]): Figure[] {
  return (['p50Ms', 'p99Ms'] as const).map((of) => ({
    name: `${NAME}, ${of.slice(0, -2)}, ${title}`,
    value: pairedRatio(
      measured.map((each) => each[of]),
      baseline.map((each) => each[of]),
    ),
    show: show.ratio,
    bound: { kind: 'at-most', value: BOUND },
  }));
}

function medians(results: readonly Latency[]): string[] {
  return (['p50Ms', 'p99Ms', 'p999Ms', 'maxMs'] as const).map((of) =>
    median(results.map((each) => each[of])).toFixed(2),
  );
}
