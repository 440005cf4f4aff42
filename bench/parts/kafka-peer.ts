/**
 * Kafka's own tools against the gateway and against Nisshi, which keeps the same protocol over an object store:
 * written, and then read to the end. Once both keep all of it in their memory, Nisshi's own store being there, and once
 * in buckets of one S3 server.
 */
import { makeDynamo } from '../../test/peers/support/dynamo.ts';
import { dynamoDbLocalMissing } from '../../test/peers/support/dynamodb-local.ts';
import { makeS3 } from '../../test/peers/support/s3.ts';
import { s3ServerMissing } from '../../test/peers/support/s3-server.ts';
import type { Report } from '../figure.ts';
import { describeThroughput, throughputReport } from '../kafka/report.ts';
import { createTopic, nisshiMissing, type Side, startGateway, startGatewayOn, startNisshi } from '../kafka/sides.ts';
import { consumerPerformance, producerPerformance, type Throughput } from '../kafka/tools.ts';
import { takeTurns } from '../kafka/turns.ts';
import type { Part, PartContext } from '../part.ts';

const PARTITIONS = 6;
/** Ahead of it. */
const BOUND = { kind: 'at-least', value: 1 } as const;

interface Setting {
  where: string;
  records: number;
  /** Of these, before the tool is up to speed. */
  warmUp: number;
  missing: () => string | undefined;
  /** Both sides, and what ends all that they stand on. */
  start: (context: PartContext) => Promise<{ sides: readonly [Side, Side]; end?: () => Promise<unknown> }>;
}

export const kafkaPeer = peerPart('kafka-peer', {
  where: 'both in memory',
  records: 200_000,
  warmUp: 50_000,
  missing: nisshiMissing,
  start: async (context) => ({ sides: [await startGateway(context, { inMemory: true }), await startNisshi()] }),
});

/** The gateway has its table in DynamoDB Local, which takes its part of the same processors. */
export const kafkaPeerS3 = peerPart('kafka-peer-s3', {
  where: 'both over one S3 server',
  records: 80_000,
  warmUp: 16_000,
  missing: () => nisshiMissing() ?? dynamoDbLocalMissing() ?? s3ServerMissing(),
  start: async () => {
    const [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
    const [table, bucket, nisshiBucket] = await Promise.all([dynamo.makeTable(), s3.makeBucket(), s3.makeBucket()]);
    const { endpoint: s3Endpoint } = s3;
    const gateway = await startGatewayOn({ table, bucket, dynamoEndpoint: dynamo.endpoint, s3Endpoint });
    const nisshi = await startNisshi({ bucket: nisshiBucket, s3Endpoint });
    return { sides: [gateway, nisshi], end: () => Promise.all([dynamo.close(), s3.close()]) };
  },
});

function peerPart(name: string, setting: Setting): Part {
  const { where } = setting;
  return {
    name,
    summary: `MB/s of Kafka's own tools at the gateway, against Nisshi, ${where}`,
    run: (context) => compare(context, setting),
  };
}

interface Both {
  written: Throughput;
  read: Throughput;
}

async function compare(context: PartContext, { where, records, warmUp, missing, start }: Setting): Promise<Report> {
  const titles = {
    written: `Kafka's producer tool, 1 KiB, acks=all, 6 partitions, MB/s against Nisshi, ${where}`,
    read: `Kafka's consumer tool, 1 KiB, 6 partitions, MB/s against Nisshi, ${where}`,
  };
  const skipped = missing();
  if (skipped !== undefined) return { figures: Object.values(titles).map((name) => ({ name, skipped })) };
  const { sides, end } = await start(context);
  try {
    const [ours, theirs] = await takeTurns<Both>(context, {
      sides,
      run: async (side, round) => {
        const topic = `peer-${round}`;
        await createTopic(side, topic, PARTITIONS);
        const written = await producerPerformance(side, { topic, records }, warmUp);
        return { written, read: await consumerPerformance(side, { topic, records }) };
      },
      describe: ({ written, read }) => `in ${describeThroughput(written)}; out ${describeThroughput(read)}`,
    });
    const reports = (['written', 'read'] as const).map((of) =>
      throughputReport({
        title: titles[of],
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
    await end?.();
  }
}
