/** `millrace groups reset` */
import type { MillraceClient } from '../../client/client.ts';
import type { OffsetReset } from '../../client/groups.ts';
import { defineCommand } from '../command.ts';
import { Failure, UsageError } from '../failure.ts';
import type { Given } from '../flags.ts';
import { partitionFlag, partitionNumbers } from '../partitions.ts';
import { counted, tableText } from '../table.ts';
import { parseTime, TIME_FORMS } from '../times.ts';

type Flag = 'topic' | 'partition' | 'to' | 'shift' | 'execute';
type Where = Pick<OffsetReset, 'offset' | 'timestamp' | 'shiftBy'>;

export const resetGroup = defineCommand({
  name: 'groups reset',
  operands: '<group>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Set where a group goes on, while it has no members; shows what it would do until it is told to',
  details: `Without --execute nothing is changed. Times: ${TIME_FORMS}.`,
  flags: {
    to: {
      placeholder: '<where>',
      about: 'earliest, latest, an offset, or @<time>: the first record of then or later.',
    },
    shift: { placeholder: '<n>', about: 'So many records on from what is committed, or back with -<n>.' },
    topic: {
      short: 't',
      placeholder: '<topic>',
      repeats: true,
      about: 'Only this topic; several times for several. Default: all that the group has committed something of.',
    },
    partition: partitionFlag,
    execute: { about: 'Do it.' },
  },
  examples: [
    { about: 'what it would be to read everything again', command: 'millrace groups reset billing --to earliest' },
    {
      about: 'read the last hour of a topic again',
      command: 'millrace groups reset billing -t orders --to @-1h --execute',
    },
    { about: 'pass by a record', command: 'millrace groups reset billing -t orders -p 3 --shift 1 --execute' },
  ],
  async run({ world, given, operands: [group = ''], client, out, json, tell }) {
    const where = whereOf(given, world.clock.now());
    const resets = await resetsOf(client, group, given, where);
    const executed = given.on('execute');
    const done = await client.groups.resetOffsets(group, resets, { dryRun: !executed });
    if (json) {
      for (const { topic, partition, offset, previousOffset } of done) {
        await out.json({ group, topic, partition, previous_offset: previousOffset, offset, executed });
      }
      return;
    }
    const rows = done.map(({ topic, partition, offset, previousOffset }) => {
      return [topic, partition, previousOffset ?? 'none', offset];
    });
    await out.write(tableText(['TOPIC', 'PARTITION', 'COMMITTED', executed ? 'IS NOW' : 'WOULD BE'], rows));
    tell(
      executed
        ? `The group ${group} goes on there in ${counted(done.length, 'partition')}.`
        : 'Nothing is changed. With --execute it is.',
    );
  },
});

function whereOf(given: Given<Flag>, nowMs: number): Where {
  const [to, shift] = [given.text('to'), given.text('shift')];
  if ((to === undefined) === (shift === undefined)) throw new UsageError('give one of --to and --shift');
  if (shift !== undefined) {
    if (/^[+-]?\d{1,15}$/.test(shift)) return { shiftBy: Number(shift) };
    throw new UsageError(`--shift is "${shift}", not a whole number such as 10 or -10`);
  }
  if (to === 'earliest' || to === 'latest') return { offset: to };
  if (to?.startsWith('@')) return { timestamp: parseTime('--to', to, nowMs) };
  if (to !== undefined && /^\d{1,15}$/.test(to)) return { offset: Number(to) };
  throw new UsageError(`--to is "${to ?? ''}", not earliest, latest, an offset or @<time>`);
}

async function resetsOf(
  client: MillraceClient,
  group: string,
  given: Given<Flag>,
  where: Where,
): Promise<OffsetReset[]> {
  const named = given.list('topic');
  const partitions = partitionNumbers(given.list('partition'));
  if (partitions !== undefined && named.length !== 1) {
    throw new UsageError('--partition needs one --topic whose partitions are meant');
  }
  const topics = named.length > 0 ? named : (await client.committedOffsets(group)).map(({ topic }) => topic);
  const each = [...new Set(topics)].flatMap((topic): OffsetReset[] => {
    return partitions?.map((partition) => Object.assign({ topic, partition }, where)) ?? [{ topic, ...where }];
  });
  if (each.length > 0) return each;
  throw new Failure(`The group ${group} has committed nothing: name what is meant with --topic.`);
}
