/**
 * What administrators and scripts do with Kafka's command line, each step verified by the next one, and records by
 * another client.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, type Tool } from './command-line.ts';
import { readTopic } from './kcat.ts';
import { assertSame } from './same.ts';
import type { Scenario, Surroundings } from './scenario.ts';

const TOPIC = 'tools';
const RECORDS = 1_000;
const DELETED = 10;

export const consoleTools: Scenario = {
  about:
    'kafka-topics, -configs, -console-producer, -console-consumer, -consumer-groups, -get-offsets, -delete-records',
  run: async (surroundings) => {
    await topicsAndConfigs(surroundings);
    await records(surroundings);
    await groups(surroundings);
    await offsets(surroundings);
    await deletion(surroundings);
  },
};

function toolOf({ bootstrap }: Surroundings) {
  return (tool: Tool, options: string, input?: string) => runTool(tool, bootstrap, options, input);
}

async function topicsAndConfigs(surroundings: Surroundings): Promise<void> {
  const tool = toolOf(surroundings);
  const described = async () => (await tool('kafka-topics', `--describe --topic ${TOPIC}`)).join('\n');
  await tool('kafka-topics', `--create --topic ${TOPIC} --partitions 3 --config retention.ms=86400000`);
  assert.deepEqual(await tool('kafka-topics', '--list'), [TOPIC]);
  assert.match(await described(), /PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=86400000/);
  await tool('kafka-topics', `--alter --topic ${TOPIC} --partitions 4`);
  assert.match(await described(), /PartitionCount: 4/);

  const config = `--entity-type topics --entity-name ${TOPIC}`;
  const configs = async (more = '') => (await tool('kafka-configs', `--describe ${config}${more}`)).join('\n');
  await tool('kafka-configs', `--alter ${config} --add-config segment.bytes=2097152,compression.type=zstd`);
  assert.match(await configs(), /segment\.bytes=2097152 .*DYNAMIC_TOPIC_CONFIG/);
  await tool('kafka-configs', `--alter ${config} --delete-config compression.type`);
  assert.doesNotMatch(await configs(), /compression\.type/);
  const all = (await configs(' --all')).split('\n').filter((line) => line.includes('synonyms='));
  assert.ok(all.length >= 33, `only ${all.length} configs of a topic`);
  const ofBroker = await tool('kafka-configs', '--describe --all --entity-type brokers --entity-name 1');
  assert.ok(ofBroker.some((line) => line.trim().startsWith('message.max.bytes=')));
  surroundings.note('kafka-topics, kafka-configs: created, altered, described, listed');
}

async function records(surroundings: Surroundings): Promise<void> {
  const tool = toolOf(surroundings);
  const lines = Array.from({ length: RECORDS }, (_, index) => `trace:${index},kind:x\tkey-${index}\tvalue ${index} ü`);
  const reader = '--reader-property parse.key=true --reader-property parse.headers=true --compression-codec zstd';
  await tool('kafka-console-producer', `--topic ${TOPIC} ${reader}`, `${lines.join('\n')}\n`);
  const seen = await readTopic(surroundings.bootstrap, TOPIC);
  const asLine = ({ headers, key, value }: (typeof seen)[number]) =>
    `${headers.map((pair) => pair.join(':')).join(',')}\t${key}\t${value}`;
  assertSame(seen.map(asLine).toSorted(), lines.toSorted());

  const print = ['headers', 'key', 'partition', 'offset'].map((what) => `--formatter-property print.${what}=true`);
  for (const protocol of ['classic', 'consumer']) {
    const group = `--group tools-${protocol} --command-property group.protocol=${protocol}`;
    const from = `--from-beginning --max-messages ${RECORDS} ${print.join(' ')}`;
    const read = await tool('kafka-console-consumer', `--topic ${TOPIC} ${group} ${from}`);
    const expected = seen.map((record) => `Partition:${record.partition}\tOffset:${record.offset}\t${asLine(record)}`);
    assertSame(read.toSorted(), expected.toSorted());
  }
  surroundings.note(
    `kafka-console-producer, kafka-console-consumer (both protocols): ${RECORDS} records with keys and headers`,
  );
}

async function groups(surroundings: Surroundings): Promise<void> {
  const tool = toolOf(surroundings);
  const command = (options: string) => tool('kafka-consumer-groups', options);
  const names = async () => (await command('--list')).toSorted();
  /** Where the group is in each partition, and how far behind. */
  const places = async (group: string) => {
    const rows = (await command(`--describe --group ${group}`)).map((line) => line.trim().split(/\s+/));
    return rows.filter((row) => row[0] === group).map((row) => ({ committed: Number(row[3]), lag: Number(row[5]) }));
  };
  const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);
  assert.deepEqual(await names(), ['tools-classic', 'tools-consumer']);
  const done = await places('tools-classic');
  assert.equal(sum(done.map(({ committed }) => committed)), RECORDS);
  assert.equal(sum(done.map(({ lag }) => lag)), 0);
  assert.match((await command('--describe --state --group tools-consumer')).join('\n'), /Empty/);
  for (const group of ['tools-classic', 'tools-consumer']) {
    await command(`--reset-offsets --to-earliest --execute --topic ${TOPIC} --group ${group}`);
    assert.equal(sum((await places(group)).map(({ lag }) => lag)), RECORDS);
  }
  await command(`--delete-offsets --group tools-classic --topic ${TOPIC}:0`);
  assert.equal((await places('tools-classic')).length, 3);
  await command('--delete --group tools-classic --group tools-consumer');
  assert.deepEqual(await names(), []);
  surroundings.note('kafka-consumer-groups: listed, described, reset, offsets and groups deleted');
}

async function offsets(surroundings: Surroundings): Promise<void> {
  const tool = toolOf(surroundings);
  const offsetsAt = async (time: number) => {
    const lines = await tool('kafka-get-offsets', `--topic ${TOPIC} --time ${time}`);
    return lines.map((line) => Number(line.split(':')[2]));
  };
  const seen = await readTopic(surroundings.bootstrap, TOPIC);
  const ends = [0, 1, 2, 3].map((partition) => seen.filter((record) => record.partition === partition).length);
  assert.deepEqual(await offsetsAt(-1), ends);
  assert.deepEqual(await offsetsAt(-2), [0, 0, 0, 0]);
  const middle = seen[Math.floor(seen.length / 2)]?.timestamp ?? 0;
  const firstSince = [0, 1, 2, 3].map(
    (partition) => seen.find((record) => record.partition === partition && record.timestamp >= middle)?.offset,
  );
  assert.deepEqual(
    (await offsetsAt(middle)).filter(Number.isFinite),
    firstSince.filter((offset) => offset !== undefined),
  );

  const file = join(surroundings.directory, 'delete.json');
  writeFileSync(file, JSON.stringify({ version: 1, partitions: [{ topic: TOPIC, partition: 1, offset: DELETED }] }));
  const answer = await tool('kafka-delete-records', `--offset-json-file ${file}`);
  assert.ok(answer.join('\n').includes(`low_watermark: ${DELETED}`), answer.join('\n'));
  assert.deepEqual(await offsetsAt(-2), [0, DELETED, 0, 0]);
  assert.equal((await readTopic(surroundings.bootstrap, TOPIC)).length, RECORDS - DELETED);
  surroundings.note('kafka-get-offsets, kafka-delete-records: ends, starts, by time, and after a deletion');
}

async function deletion(surroundings: Surroundings): Promise<void> {
  const tool = toolOf(surroundings);
  await tool('kafka-topics', `--delete --topic ${TOPIC}`);
  assert.deepEqual(await tool('kafka-topics', '--list'), []);
  surroundings.note('kafka-topics: deleted');
}
