/**
 * Kafka's own tools against the gateway and against Nisshi, which keeps the same protocol over an object store:
 * written, and then read to the end. Both keep all of it in their memory, Nisshi's own store being there.
 */
import { describeThroughput, throughputReport } from '../kafka/report.ts';
import { createTopic, nisshiMissing, type Side, startGateway, startNisshi } from '../kafka/sides.ts';
import { consumerPerformance, producerPerformance, type Throughput } from '../kafka/tools.ts';
import { takeTurns } from '../kafka/turns.ts';
import type { Part } from '../part.ts';

const WRITTEN = "Kafka's producer tool, 1 KiB, acks=all, 6 partitions, MB/s against Nisshi, both in memory";
const READ = "Kafka's consumer tool, 1 KiB, 6 partitions, MB/s against Nisshi, both in memory";
const PARTITIONS = 6;
const RECORDS = 200_000;
/** Of these, before the tool is up to speed. */
const WARM_UP = 50_000;
/** Ahead of it. */
const BOUND = { kind: 'at-least', value: 1 } as const;

interface Both {
  written: Throughput;
  read: Throughput;
}

export const kafkaPeer: Part = {
  name: 'kafka-peer',
  summary: "MB/s of Kafka's own tools at the gateway, against Nisshi over its store in memory",
  run: async (context) => {
    const skipped = nisshiMissing();
    if (skipped !== undefined) return { figures: [WRITTEN, READ].map((name) => ({ name, skipped })) };
    const sides = [await startGateway(context, { inMemory: true }), await startNisshi()] as const;
    try {
      const [ours, theirs] = await takeTurns<Both>(context, {
        sides,
        run: writeAndRead,
        describe: ({ written, read }) => `in ${describeThroughput(written)}; out ${describeThroughput(read)}`,
      });
      const reports = (['written', 'read'] as const).map((of) =>
        throughputReport({
          title: of === 'written' ? WRITTEN : READ,
          sides,
          results: [ours.map((each) => each[of]), theirs.map((each) => each[of])],
          bound: BOUND,
        }),
      );
      return {
        figures: reports.flatMap(({ figures }) => figures),
        tables: reports.flatMap(({ tables = [] }) => tables),
      };
    } finally {
      await Promise.all(sides.map((side) => side.stop()));
    }
  },
};

async function writeAndRead(side: Side, round: number): Promise<Both> {
  const topic = `peer-${round}`;
  await createTopic(side, topic, PARTITIONS);
  const written = await producerPerformance(side, { topic, records: RECORDS }, WARM_UP);
  return { written, read: await consumerPerformance(side, { topic, records: RECORDS }) };
}
