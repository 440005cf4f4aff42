/**
 * MirrorMaker 2 between Apache Kafka and a gateway, both ways at once: each has the other's topic under a prefix, with
 * the same records in the same partitions, keys, headers and timestamps; its configs; and where its groups are.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { freePort } from '../../support/peer.ts';
import { addPartitions, committedOffsets, createTopics, topicConfig, topicsOf } from './admin.ts';
import { eventually } from './eventually.ts';
import { JavaProcess, runJava } from './jvm.ts';
import { type KafkaBroker, startKafkaBroker } from './kafka-broker.ts';
import { readInGroup, readTopic, writeRecords } from './kcat.ts';
import { writeProperties } from './properties.ts';
import { assertSame } from './same.ts';
import type { Scenario } from './scenario.ts';

const TOPIC = 'orders';
const GROUP = 'readers';
const PARTITIONS = 3;
const RECORDS = 2_000;
const READ = 1_200;
const RETENTION_MS = '86400000';
/** MirrorMaker starts three connectors each way before the first record. */
const MIRROR_MS_MAX = 300_000;

interface Side {
  name: 'kafka' | 'millrace';
  bootstrap: string;
}

export const mirror: Scenario = {
  about: 'MirrorMaker 2 between Apache Kafka and the gateway, both ways',
  run: async ({ bootstrap, directory, note }) => {
    const kafka = await startKafkaBroker(await freePort(), join(directory, 'kafka'));
    try {
      const sides = sidesOf(kafka, bootstrap);
      await Promise.all(sides.map(prepare));
      const args = [writeProperties(directory, 'mirror', mirrorProperties(sides))];
      let maker = startMaker(args);
      for (const [source, target] of directionsOf(sides)) {
        await recordsAreMirrored(source, target, RECORDS);
        await configsAreMirrored(source, target);
        const lags = await groupIsMirrored(source, target);
        await checkpointsSayTheSame(source, target);
        note(
          `${source.name} to ${target.name}: ${RECORDS} records, configs, heartbeats, checkpoints, and a group, ${lags}`,
        );
      }
      await maker.stop();
      await Promise.all(sides.map((side) => write(side, RECORDS)));
      for (const side of sides) await addPartitions(side.bootstrap, TOPIC, PARTITIONS + 1);
      maker = startMaker(args);
      for (const [source, target] of directionsOf(sides)) {
        await recordsAreMirrored(source, target, 2 * RECORDS);
        await eventually(async () => {
          const topics = await topicsOf(target.bootstrap);
          assert.equal(topics.get(`${source.name}.${TOPIC}`), PARTITIONS + 1);
        });
        await nothingComesBack(source, target);
        note(
          `${source.name} to ${target.name}: ${RECORDS} more after a restart, and a further partition; nothing comes back`,
        );
      }
      await maker.stop();
    } finally {
      await kafka.close();
    }
  },
};

function sidesOf(kafka: KafkaBroker, bootstrap: string): [Side, Side] {
  return [
    { name: 'kafka', bootstrap: kafka.bootstrap },
    { name: 'millrace', bootstrap },
  ];
}

function directionsOf([one, other]: readonly [Side, Side]): [Side, Side][] {
  return [
    [one, other],
    [other, one],
  ];
}

function mirrorProperties([one, other]: readonly [Side, Side]): Record<string, string> {
  const flows = directionsOf([one, other]).map(([source, target]) => `${source.name}->${target.name}`);
  return {
    clusters: `${one.name}, ${other.name}`,
    [`${one.name}.bootstrap.servers`]: one.bootstrap,
    [`${other.name}.bootstrap.servers`]: other.bootstrap,
    ...Object.fromEntries(
      flows.flatMap((flow) => [
        [`${flow}.enabled`, 'true'],
        [`${flow}.topics`, TOPIC],
      ]),
    ),
    'sync.group.offsets.enabled': 'true',
    'replication.factor': '1',
    ...Object.fromEntries(INTERNAL_TOPICS.map((topic) => [`${topic}.replication.factor`, '1'])),
    // What otherwise happens every minute or ten.
    ...Object.fromEntries(INTERVALS.map((what) => [`${what}.interval.seconds`, '2'])),
    'offset.flush.interval.ms': '1000',
    'offset.lag.max': '0',
    'plugin.discovery': 'service_load',
  };
}

const INTERNAL_TOPICS = ['checkpoints.topic', 'heartbeats.topic', 'offset-syncs.topic', 'offset.storage'].concat([
  'status.storage',
  'config.storage',
]);
const INTERVALS = ['refresh.topics', 'refresh.groups', 'sync.topic.configs', 'sync.group.offsets'].concat([
  'emit.checkpoints',
]);

function startMaker(args: readonly string[]): JavaProcess {
  const options = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx512m'];
  return new JavaProcess({ main: 'org.apache.kafka.connect.mirror.MirrorMaker', args, options });
}

/** A topic with a config of its own, records, and a group that has read some of them. */
async function prepare(side: Side): Promise<void> {
  const configs = { 'retention.ms': RETENTION_MS };
  await createTopics(side.bootstrap, { names: [TOPIC], partitions: PARTITIONS, configs });
  await write(side, RECORDS);
  await readInGroup(side.bootstrap, GROUP, TOPIC, READ);
}

async function write(side: Side, count: number): Promise<void> {
  const records = Array.from(
    { length: count },
    (_, index) => [`key-${index % 100}`, `${side.name} ${index} ü`] as const,
  );
  const headers = { origin: side.name, trace: 'a b' };
  await writeRecords(side.bootstrap, { topic: TOPIC, headers, records });
}

async function recordsAreMirrored(source: Side, target: Side, count: number): Promise<void> {
  const there = await readTopic(source.bootstrap, TOPIC);
  assert.equal(there.length, count);
  await eventually(async () => {
    assertSame(await readTopic(target.bootstrap, `${source.name}.${TOPIC}`), there);
  }, MIRROR_MS_MAX);
}

async function configsAreMirrored(source: Side, target: Side): Promise<void> {
  const config = () => topicConfig(target.bootstrap, `${source.name}.${TOPIC}`, 'retention.ms');
  await eventually(async () => assert.equal(await config(), RETENTION_MS));
}

/** The group is not further there than here; it may be behind, since MirrorMaker does not know of every offset. */
async function groupIsMirrored(source: Side, target: Side): Promise<string> {
  const there = await committedOffsets(source.bootstrap, GROUP, TOPIC);
  assert.equal(sumOf([...there.values()]), READ);
  return await eventually(async () => {
    const here = await committedOffsets(target.bootstrap, GROUP, `${source.name}.${TOPIC}`);
    const behind = [...there].map(([partition, offset]) => offset - (here.get(partition) ?? 0));
    assert.ok(
      behind.every((offsets) => offsets >= 0),
      `the group is ahead: ${behind.join(' ')}`,
    );
    assert.ok(sumOf([...here.values()]) > 0, 'the group has no offsets there');
    return `${sumOf(behind)} of ${READ} records behind`;
  });
}

/** MirrorMaker's own client translates the group's offsets into those that the group has been given. */
async function checkpointsSayTheSame(source: Side, target: Side): Promise<void> {
  const main = join(import.meta.dirname, 'MirrorCheckpoints.java');
  await eventually(async () => {
    const { stdout } = await runJava({ main, args: [target.bootstrap, source.name, GROUP] });
    const committed = await committedOffsets(target.bootstrap, GROUP, `${source.name}.${TOPIC}`);
    const places = [...committed].map(([partition, offset]) => `${source.name}.${TOPIC}-${partition} ${offset}`);
    assert.deepEqual(stdout.split('\n').toSorted(), ['hops 1', ...places].toSorted());
  });
}

/** What was mirrored is not mirrored again. */
async function nothingComesBack(source: Side, target: Side): Promise<void> {
  const topics = [...(await topicsOf(target.bootstrap)).keys()];
  assert.ok(topics.includes(`${source.name}.${TOPIC}`));
  assert.ok(!topics.some((topic) => topic.endsWith(`.${target.name}.${TOPIC}`)), topics.join(' '));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
