/** `millrace topics delete-records` */
import type { RecordDeletion } from '../client/topics.ts';
import { defineCommand } from './command.ts';
import { UsageError } from './failure.ts';
import type { Given } from './flags.ts';
import { partitionFlag, partitionsOf } from './partitions.ts';
import { tableText } from './table.ts';
import { parseTime, TIME_FORMS } from './times.ts';

type Flag = 'partition' | 'before-offset' | 'before-time';

export const deleteRecords = defineCommand({
  name: 'topics delete-records',
  operands: '<topic>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Delete the oldest records of a topic; nobody is asked twice',
  details: `Times: ${TIME_FORMS}. The topic's cleanup.policy must have "delete".`,
  flags: {
    partition: { ...partitionFlag, about: `${partitionFlag.about} With an offset they must be named.` },
    'before-offset': {
      placeholder: '<offset>',
      about: 'The first record that stays; latest, or -1 as in Kafka: none does.',
    },
    'before-time': {
      placeholder: '@<time>',
      about: 'The first record of this time or later stays, and all after it.',
    },
  },
  examples: [
    {
      about: 'the first hundred of a partition',
      command: 'millrace topics delete-records orders -p 3 --before-offset 100',
    },
    { about: 'what is older than a day', command: 'millrace topics delete-records orders --before-time @-24h' },
    { about: 'all there is', command: 'millrace topics delete-records orders --before-offset latest' },
  ],
  async run({ world, given, operands: [name = ''], client, out, json }) {
    const before = endOf(given, world.clock.now());
    const named = given.list('partition');
    if (typeof before.beforeOffset === 'number' && named.length === 0) {
      throw new UsageError('--before-offset with a number needs --partition: each partition counts by itself');
    }
    const partitions = partitionsOf(named, await client.topics.describe(name));
    const deletions = partitions.map(({ partition }) => Object.assign({ partition }, before));
    const results = await client.topics.deleteRecords(name, deletions);
    const rows: (string | number)[][] = [];
    for (const result of results) {
      const { partition } = result;
      const start = 'error' in result ? undefined : result.logStartOffset;
      rows.push([partition, start ?? 'failed']);
      if (json) await out.json({ topic: name, partition, log_start_offset: start ?? null });
    }
    if (!json) await out.write(tableText(['PARTITION', 'START'], rows));
    const failed = results.find((result) => 'error' in result);
    if (failed !== undefined) throw failed.error;
  },
});

function endOf(given: Given<Flag>, nowMs: number): Omit<RecordDeletion, 'partition'> {
  const [offset, time] = [given.text('before-offset'), given.text('before-time')];
  if ((offset === undefined) === (time === undefined)) {
    throw new UsageError('give one of --before-offset and --before-time');
  }
  if (time !== undefined) return { beforeTimestamp: parseTime('--before-time', time, nowMs) };
  if (offset === 'latest' || offset === '-1') return { beforeOffset: 'latest' };
  if (offset !== undefined && /^\d{1,15}$/.test(offset)) return { beforeOffset: Number(offset) };
  throw new UsageError(`--before-offset is "${offset ?? ''}", not an offset or latest`);
}
