/**
 * `kafka-producer-perf-test` against the gateway and against Apache Kafka: records of 1 KiB, the producer's defaults,
 * acks=all.
 */
import { describeThroughput, throughputReport } from '../kafka/report.ts';
import { createTopic, javaMissing, startApacheKafka, startGateway } from '../kafka/sides.ts';
import { producerPerformance, RECORD_BYTES } from '../kafka/tools.ts';
import { takeTurns } from '../kafka/turns.ts';
import type { Part } from '../part.ts';
import { touchFileMemory } from '../processes/file-memory.ts';

const TITLE = "Kafka's producer tool, 1 KiB, acks=all, 6 partitions, MB/s against Apache Kafka";
const PARTITIONS = 6;
const RECORDS = 600_000;
/** Of these, before the tool is up to speed. */
const WARM_UP = 200_000;
const BOUND = 0.7;

export const kafkaProduce: Part = {
  name: 'kafka-produce',
  summary: "MB/s of Kafka's own producer tool at the gateway, against Apache Kafka",
  run: async (context) => {
    const skipped = javaMissing();
    if (skipped !== undefined) return { figures: [{ name: TITLE, skipped }] };
    const sides = [await startGateway(context), await startApacheKafka(context)] as const;
    try {
      const results = await takeTurns(context, {
        sides,
        run: async (side, round) => {
          const topic = `produce-${round}`;
          await createTopic(side, topic, PARTITIONS);
          touchFileMemory(context.directory, RECORDS * RECORD_BYTES);
          return producerPerformance(side, { topic, records: RECORDS }, WARM_UP);
        },
        describe: describeThroughput,
      });
      return throughputReport({ title: TITLE, sides, results, bound: { kind: 'at-least', value: BOUND } });
    } finally {
      await Promise.all(sides.map((side) => side.stop()));
    }
  },
};
