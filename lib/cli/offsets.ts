/** `millrace offsets` */
import { cliLimits } from '../kernel/limits/cli.ts';
import { mapBounded } from '../kernel/map-bounded.ts';
import { defineCommand } from './command.ts';
import { partitionFlag, partitionsOf } from './partitions.ts';
import { tableText } from './table.ts';
import { isoTime, parseTime, TIME_FORMS } from './times.ts';

export const offsets = defineCommand({
  name: 'offsets',
  operands: '<topic>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Show where partitions begin and end, or what was written when',
  flags: {
    partition: partitionFlag,
    at: { placeholder: '@<time>', about: `The first record of this time or later: ${TIME_FORMS}.` },
  },
  examples: [
    { about: 'of all partitions', command: 'millrace offsets orders' },
    { about: 'where yesterday began, roughly', command: 'millrace offsets orders --at @-24h' },
  ],
  async run({ world, given, operands: [name = ''], client, out, json }) {
    const at = given.text('at');
    const timestamp = at === undefined ? undefined : parseTime('--at', at, world.clock.now());
    const topic = await client.topics.describe(name);
    const details = partitionsOf(given.list('partition'), topic);
    if (timestamp === undefined) {
      const rows = details.map(({ partition, logStartOffset, highWatermark }) => ({
        partition,
        earliest: logStartOffset,
        latest: highWatermark,
        records: highWatermark - logStartOffset,
      }));
      if (json) for (const row of rows) await out.json({ topic: name, ...row });
      else
        await out.write(
          tableText(
            ['PARTITION', 'EARLIEST', 'LATEST', 'RECORDS'],
            rows.map((row) => Object.values(row)),
          ),
        );
      return;
    }
    const found = await mapBounded(details, cliLimits.cliRequestsInFlightMax, async ({ partition }) => ({
      partition,
      ...(await client.offsets(name, partition, { timestamp })),
    }));
    if (json) {
      for (const { partition, offset, timestamp: time } of found) {
        await out.json({ topic: name, partition, offset, timestamp: time });
      }
      return;
    }
    const rows = found.map(({ partition, offset, timestamp: time }) => [
      partition,
      offset ?? 'none',
      time === null ? 'none' : isoTime(time),
    ]);
    await out.write(tableText(['PARTITION', 'OFFSET', 'TIME'], rows));
  },
});
