/**
 * `kafka-consumer-perf-test` against the gateway and against Apache Kafka: a topic of records of 1 KiB, read to its end
 * by one consumer.
 */
import { describeThroughput, throughputReport } from '../kafka/report.ts';
import { createTopic, javaMissing, startApacheKafka, startGateway } from '../kafka/sides.ts';
import { consumerPerformance, producerPerformance } from '../kafka/tools.ts';
import { takeTurns } from '../kafka/turns.ts';
import type { Part } from '../part.ts';

const TITLE = "Kafka's consumer tool, 1 KiB, 6 partitions, MB/s against Apache Kafka";
const TOPIC = 'consumed';
const PARTITIONS = 6;
/** Far more than any cache of the server holds, and less than the file system's. */
const RECORDS = 1_500_000;
const BOUND = 0.7;

export const kafkaConsume: Part = {
  name: 'kafka-consume',
  summary: "MB/s of Kafka's own consumer tool at the gateway, against Apache Kafka",
  run: async (context) => {
    const skipped = javaMissing();
    if (skipped !== undefined) return { figures: [{ name: TITLE, skipped }] };
    const sides = [await startGateway(context), await startApacheKafka(context)] as const;
    try {
      for (const side of sides) {
        context.progress(`writing ${RECORDS} records, ${side.name}`);
        await createTopic(side, TOPIC, PARTITIONS);
        await producerPerformance(side, { topic: TOPIC, records: RECORDS }, 1);
      }
      const results = await takeTurns(context, {
        sides,
        run: (side) => consumerPerformance(side, { topic: TOPIC, records: RECORDS }),
        describe: describeThroughput,
      });
      return throughputReport({ title: TITLE, sides, results, bound: { kind: 'at-least', value: BOUND } });
    } finally {
      await Promise.all(sides.map((side) => side.stop()));
    }
  },
};
