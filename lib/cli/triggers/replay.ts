/** `millrace triggers replay` */
import type { ReplayOptions } from '../../client/triggers.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import { counted, tableText } from '../table.ts';
import { parseTime, TIME_FORMS } from '../times.ts';

export const replayTrigger = defineCommand({
  name: 'triggers replay',
  operands: '<trigger>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Set where a trigger goes on; shows what it would do until it is told to',
  details: `Without --execute nothing is changed. Times: ${TIME_FORMS}.`,
  flags: {
    from: {
      placeholder: '<where>',
      about: 'earliest, latest, @<time>: the first record of then or later; or an offset of one partition.',
    },
    topic: { short: 't', placeholder: '<topic>', about: "Only this topic. Default: all of the trigger's." },
    partition: { short: 'p', placeholder: '<n>', about: "Only this partition. Default: all of the topic's." },
    execute: { about: 'Do it.' },
  },
  examples: [
    {
      about: 'what it would be to deliver everything again',
      command: 'millrace triggers replay order-mails --from earliest',
    },
    { about: 'deliver the last hour again', command: 'millrace triggers replay order-mails --from @-1h --execute' },
    { about: 'pass by a record', command: 'millrace triggers replay order-mails -t orders -p 3 --from 118 --execute' },
  ],
  async run({ world, given, operands: [name = ''], client, out, json, tell }) {
    const executed = given.on('execute');
    const where = whereOf(given.text('from'), world.clock.now());
    const [topic, partition] = [
      given.text('topic'),
      given.number('partition', 0, topicLimits.partitionsPerTopicMax - 1),
    ];
    const replayed = await client.triggers.replay(name, { ...where, topic, partition, dryRun: !executed });
    if (json) {
      for (const { topic, partition, offset, previousOffset } of replayed) {
        await out.json({ trigger: name, topic, partition, previous_offset: previousOffset, offset, executed });
      }
      return;
    }
    const rows = replayed.map((one) => [one.topic, one.partition, one.previousOffset ?? 'none', one.offset]);
    await out.write(tableText(['TOPIC', 'PARTITION', 'COMMITTED', executed ? 'IS NOW' : 'WOULD BE'], rows));
    const done = `The trigger ${name} goes on there in ${counted(replayed.length, 'partition')}.`;
    tell(executed ? done : 'Nothing is changed. With --execute it is.');
  },
});

function whereOf(from: string | undefined, nowMs: number): Pick<ReplayOptions, 'from' | 'timestamp'> {
  if (from === undefined) throw new UsageError('give --from');
  if (from === 'earliest' || from === 'latest') return { from };
  if (from.startsWith('@')) return { timestamp: parseTime('--from', from, nowMs) };
  if (/^\d{1,15}$/.test(from)) return { from: Number(from) };
  throw new UsageError(`--from is "${from}", not earliest, latest, an offset or @<time>`);
}
