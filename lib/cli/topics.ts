/** `millrace topics …` */
import { MillraceClientError } from '../client/errors.ts';
import type { TopicDetails, TopicSummary } from '../client/topics.ts';
import { replicationLimits } from '../kernel/limits/replication.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import { topicLimits } from '../kernel/limits/topics.ts';
import { defineCommand, type Invocation } from './command.ts';
import { UsageError } from './failure.ts';
import { counted, factsText, tableText } from './table.ts';

const configFlag = {
  short: 'c',
  placeholder: '<name>=<value>',
  repeats: true,
  about: 'A config; several times for several.',
} as const;

export const listTopics = defineCommand({
  name: 'topics list',
  about: 'List the topics',
  examples: [
    { about: 'all of them', command: 'millrace topics list' },
    { about: 'their names, for another program', command: 'millrace topics list --json | jq -r .name' },
  ],
  async run({ client, out, json }) {
    const topics: TopicSummary[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.topics.list({ limit: requestLimits.listPageMax, cursor });
      if (json) for (const topic of page.topics) await out.json(summaryJson(topic));
      else topics.push(...page.topics);
      cursor = page.next;
    } while (cursor !== undefined);
    if (json) return;
    const rows = topics.map(({ name, partitions, replicationFactor }) => [name, partitions, replicationFactor]);
    await out.write(tableText(['TOPIC', 'PARTITIONS', 'REPLICAS'], rows));
  },
});

export const createTopic = defineCommand({
  name: 'topics create',
  operands: '<topic>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Create a topic',
  flags: {
    partitions: { short: 'p', placeholder: '<count>', default: '1', about: 'How many partitions.' },
    'replication-factor': { placeholder: '<count>', default: '1', about: 'How many replicas.' },
    config: configFlag,
    'if-not-exists': { about: 'Leave a topic that is there as it is.' },
  },
  examples: [
    {
      about: 'with six partitions, which keep records for a day',
      command: 'millrace topics create orders -p 6 -c retention.ms=86400000',
    },
  ],
  async run({ given, operands: [name = ''], client, ...invocation }) {
    const partitions = given.number('partitions', 1, topicLimits.partitionsPerTopicMax);
    const replicationFactor = given.number('replication-factor', 1, replicationLimits.replicasMax);
    const config = Object.fromEntries(given.pairs('config'));
    try {
      const topic = await client.topics.create(name, { partitions, replicationFactor, config });
      await changed(invocation, topic, `The topic ${name} is there, with ${counted(topic.partitions, 'partition')}.`);
    } catch (error) {
      if (!given.on('if-not-exists') || !isCode(error, 'TOPIC_ALREADY_EXISTS')) throw error;
      await changed(invocation, await client.topics.describe(name), `The topic ${name} is there already.`);
    }
  },
});

export const describeTopic = defineCommand({
  name: 'topics describe',
  operands: '<topic>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Show a topic with its configs and partitions',
  examples: [
    { about: 'what is set, and where each partition begins and ends', command: 'millrace topics describe orders' },
  ],
  async run({ operands: [name = ''], client, out, json }) {
    const topic = await client.topics.describe(name);
    if (json) return out.json(topicJson(topic));
    const config = Object.entries(topic.config);
    await out.write(
      factsText([
        ['topic', topic.name],
        ['id', topic.topicId],
        ['partitions', topic.partitions],
        ['replicas', topic.replicationFactor],
        ...(config.length === 0
          ? ([['configs', 'all default']] as const)
          : config.map((pair) => ['config', pair.join('=')] as const)),
      ]),
    );
    const rows = topic.partitionDetails.map((one) => [
      one.partition,
      one.logStartOffset,
      one.highWatermark,
      one.leader,
      one.isr.join(','),
    ]);
    await out.write(`\n${tableText(['PARTITION', 'START', 'END', 'LEADER', 'IN SYNC'], rows)}`);
  },
});

export const alterTopic = defineCommand({
  name: 'topics alter',
  operands: '<topic>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Change configs, or add partitions',
  details: 'With more partitions most keys go to another one from then on; records that are there stay where they are.',
  flags: {
    partitions: { short: 'p', placeholder: '<count>', about: 'How many there shall be; not fewer than there are.' },
    config: configFlag,
    'delete-config': { placeholder: '<name>', repeats: true, about: 'A config that goes back to its default.' },
  },
  examples: [
    {
      about: 'keep records for a week, and take the largest records that there may be',
      command: 'millrace topics alter orders -c retention.ms=604800000 -c max.message.bytes=4194304',
    },
    { about: 'forget that again', command: 'millrace topics alter orders --delete-config retention.ms' },
  ],
  async run({ given, operands: [name = ''], client, ...invocation }) {
    const partitions = given.number('partitions', 1, topicLimits.partitionsPerTopicMax);
    const set = given.pairs('config');
    const unset = given.list('delete-config').map((config) => [config, null] as const);
    if (partitions === undefined && set.length + unset.length === 0) {
      throw new UsageError('there is nothing to change: give --partitions, --config or --delete-config');
    }
    const config = Object.fromEntries([...set, ...unset]);
    const topic = await client.topics.alter(name, { partitions, config });
    await changed(invocation, topic, `The topic ${name} is changed.`);
  },
});

export const deleteTopics = defineCommand({
  name: 'topics delete',
  operands: '<topic>…',
  operandsMin: 1,
  operandsMax: Infinity,
  about: 'Delete topics with their records; nobody is asked twice',
  flags: { 'if-exists': { about: 'A topic that is not there is no failure.' } },
  examples: [{ about: 'for ever', command: 'millrace topics delete orders' }],
  async run({ given, operands, client, out, json, tell }) {
    for (const name of operands) {
      let deleted = true;
      try {
        await client.topics.delete(name);
      } catch (error) {
        if (!given.on('if-exists') || !isCode(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error;
        deleted = false;
      }
      if (json) await out.json({ name, deleted });
      else tell(deleted ? `The topic ${name} is deleted.` : `There is no topic ${name}.`);
    }
  },
});

/** What was done is news for a person, on stderr; a program gets the topic as it is now. */
async function changed(
  { out, json, tell }: Pick<Invocation<never>, 'out' | 'json' | 'tell'>,
  topic: TopicDetails,
  sentence: string,
): Promise<void> {
  if (json) await out.json(topicJson(topic));
  else tell(sentence);
}

function isCode(error: unknown, code: MillraceClientError['code']): boolean {
  return error instanceof MillraceClientError && error.code === code;
}

function summaryJson({ name, topicId, partitions, replicationFactor }: TopicSummary) {
  return { name, topic_id: topicId, partitions, replication_factor: replicationFactor };
}

/** As the API has it. */
function topicJson(topic: TopicDetails) {
  return {
    ...summaryJson(topic),
    config: topic.config,
    partition_details: topic.partitionDetails.map((one) => ({
      partition: one.partition,
      leader: one.leader,
      leader_epoch: one.leaderEpoch,
      replicas: one.replicas,
      isr: one.isr,
      log_start_offset: one.logStartOffset,
      high_watermark: one.highWatermark,
    })),
  };
}
