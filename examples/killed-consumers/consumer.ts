/**
 * One of the consumers that are killed. Every line on stdout is written before the next record is asked for, so that a kill
 * loses none:
 *
 *     + <partition>                              assigned
 *     - <partition>                              given up
 *     <partition> <offset> <time> <value>        delivered
 *
 *     node examples/killed-consumers/consumer.ts <url> <topic> <group> <session timeout> [secret]
 */
import { writeSync } from 'node:fs';
import { createClient, type TopicPartition, text } from '../../lib/client/public.ts';

const [url = '', topic = '', group = '', sessionTimeoutMs, secret] = process.argv.slice(2);
const STDOUT = 1;

const ended = new AbortController();
process.once('SIGTERM', () => ended.abort());

const consumer = createClient({ url, apiKey: secret }).consumer({
  group,
  topics: [topic],
  autoOffsetReset: 'earliest',
  valueDeserializer: text(),
  sessionTimeoutMs: Number(sessionTimeoutMs),
  maxRecords: 100,
  onAssigned: (partitions) => say('+', partitions),
  onRevoked: (partitions) => say('-', partitions),
  onLost: (partitions) => say('-', partitions),
  signal: ended.signal,
});

for await (const { partition, offset, value } of consumer.records()) {
  writeSync(STDOUT, `${partition} ${offset} ${performance.timeOrigin + performance.now()} ${value}\n`);
}

function say(sign: string, partitions: readonly TopicPartition[]): void {
  for (const { partition } of partitions) writeSync(STDOUT, `${sign} ${partition}\n`);
}
