/** Kafka's performance tools: that they run to their end and count what they should. bench has their figures. */
import assert from 'node:assert/strict';
import { createTopics } from './admin.ts';
import { runTool } from './command-line.ts';
import type { Scenario } from './scenario.ts';

const TOPIC = 'perf';
const RECORDS = 50_000;
const ROUND_TRIPS = 500;

export const perfTools: Scenario = {
  about: 'kafka-producer-perf-test, also in transactions, -consumer-perf-test, -e2e-latency',
  run: async ({ bootstrap, note }) => {
    await createTopics(bootstrap, { names: [TOPIC], partitions: 6 });
    const load = `--topic ${TOPIC} --num-records ${RECORDS} --record-size 1024 --throughput -1`;
    const written = await runTool('kafka-producer-perf-test', bootstrap, `${load} --command-property acks=all`);
    assert.ok(written.at(-1)?.startsWith(`${RECORDS} records sent`), written.join('\n'));
    const transactional = `--topic ${TOPIC} --num-records ${RECORDS} --record-size 100 --throughput 20000`;
    const ids = '--transactional-id perf --transaction-duration-ms 100';
    const inTransactions = await runTool('kafka-producer-perf-test', bootstrap, `${transactional} ${ids}`);
    assert.ok(inTransactions.at(-1)?.startsWith(`${RECORDS} records sent`), inTransactions.join('\n'));
    const ends = await runTool('kafka-get-offsets', bootstrap, `--topic ${TOPIC}`);
    const total = ends.reduce((sum, line) => sum + Number(line.split(':')[2]), 0);
    assert.equal(total, 2 * RECORDS);
    note(`kafka-producer-perf-test: ${written.at(-1)}; in transactions: ${inTransactions.at(-1)}`);

    const read = await runTool('kafka-consumer-perf-test', bootstrap, `--topic ${TOPIC} --num-records ${total}`);
    const [, , , rate, count] = (read.at(-1) ?? '').split(',').map((cell) => cell.trim());
    assert.equal(Number(count), total, read.join('\n'));
    note(`kafka-consumer-perf-test: ${count} records, ${rate} MB/s`);

    const roundTrips = `--topic latency --num-records ${ROUND_TRIPS} --producer-acks all --record-size 1024`;
    await createTopics(bootstrap, { names: ['latency'], partitions: 1 });
    const latency = await runTool('kafka-e2e-latency', bootstrap, roundTrips);
    const percentiles = latency.find((line) => line.startsWith('Percentiles'));
    assert.ok(percentiles !== undefined, latency.join('\n'));
    note(`kafka-e2e-latency: ${ROUND_TRIPS} records, ${percentiles}`);
  },
};
