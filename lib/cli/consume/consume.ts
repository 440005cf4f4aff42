/** `millrace consume` */
import type { MillraceClient } from '../../client/client.ts';
import { concatBytes } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { cliLimits } from '../../kernel/limits/cli.ts';
import { defineCommand, requireName } from '../command.ts';
import { unescaped } from '../escapes.ts';
import { reasonOf, UsageError } from '../failure.ts';
import type { Given } from '../flags.ts';
import { partitionFlag, partitionNumbers, partitionsOf } from '../partitions.ts';
import { TIME_FORMS } from '../times.ts';
import { base64Format, FORMATS, jsonFormat, type RecordFormat, textFormat } from './formats.ts';
import { consumeAsMember } from './member.ts';
import { cursorsOf, type From, parseFrom, parseUntil, type Until } from './positions.ts';
import { Reader, type ReaderOptions } from './reader.ts';
import { TEMPLATE_LETTERS, templateFormat } from './template.ts';

type Flag = 'from' | 'until' | 'end' | 'partition' | 'format' | 'template' | 'key-separator' | 'json';

export const consume = defineCommand({
  name: 'consume',
  operands: '<topic>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Print the records of a topic, and go on with what comes',
  details: `Records of a partition come in their order; partitions are read beside each other. Ctrl-C ends it, with exit code 0.
Times: ${TIME_FORMS}.
Templates: ${TEMPLATE_LETTERS}; \\n, \\t, \\xHH.`,
  flags: {
    from: {
      short: 'o',
      placeholder: '<where>',
      default: 'earliest',
      about: 'earliest, latest, an offset, -<n> for the last n of each partition, or @<time>.',
    },
    until: { short: 'u', placeholder: '<where>', about: 'end, an offset or @<time>: up to there, and without it.' },
    end: { short: 'e', about: 'The same as --until end: what is there, and no more.' },
    count: { short: 'c', placeholder: '<n>', about: 'No more than so many records, of all partitions together.' },
    partition: partitionFlag,
    group: {
      short: 'g',
      placeholder: '<group>',
      about:
        'As a member of this group: go on where it has got to (--from, where it has not begun), and commit what is printed.',
    },
    format: {
      placeholder: `<${FORMATS.join('|')}>`,
      default: 'text',
      about: 'What values are printed as, a line each.',
    },
    template: { short: 'f', placeholder: '<template>', about: 'What is printed for a record; no line ends by itself.' },
    'key-separator': {
      short: 'k',
      alias: 'K',
      placeholder: '<text>',
      about: 'Print keys, and this between key and value.',
    },
  },
  examples: [
    { about: 'all there is, and what comes', command: 'millrace consume orders' },
    { about: 'the last ten of each partition, with keys', command: "millrace consume orders --from -10 --end -k ': '" },
    {
      about: 'what was written in the last hour, as JSON',
      command: 'millrace consume orders --from @-1h --end --json',
    },
    { about: 'where each record is', command: "millrace consume orders -e -f '%p/%o at %T: %k = %v\\n'" },
    {
      about: 'as one of several that share the work of a group',
      command: 'millrace consume orders --group billing --json',
    },
    { about: 'a copy', command: 'millrace consume orders -e --json | millrace produce copies --format json' },
  ],
  async run({ world, given, operands: [topic = ''], client, out, url, tell }) {
    const nowMs = world.clock.now();
    const from = parseFrom(given.text('from') ?? 'earliest', nowMs);
    const until = untilOf(given, nowMs);
    const count = given.number('count', 1, Number.MAX_SAFE_INTEGER) ?? Infinity;
    const format = formatOf(given);
    const asked = given.list('partition');
    partitionNumbers(asked);
    const group = given.text('group');
    if (group !== undefined) requireName(group, '--group');
    const start = group === undefined ? undefined : startOfGroup(given, from);
    const interrupted = world.interruption();
    const reading: Pick<ReaderOptions, 'client' | 'topic' | 'count' | 'signal' | 'write' | 'onOutage' | 'onRecovery'> =
      {
        client,
        topic,
        count,
        signal: interrupted,
        write: (records, source) => out.write(concatBytes(records.map((record) => format(record, source)))),
        onOutage: (error) => tell(`millrace: ${reasonOf(error, url)} It is asked again until it answers.`),
        onRecovery: () => tell('millrace: The server answers again.'),
      };
    if (group !== undefined && start !== undefined) return consumeAsMember({ ...reading, group, from: start });
    const reader = new Reader({ ...reading, clock: world.clock, until });
    try {
      const described = await client.topics.describe(topic, { signal: interrupted });
      const details = partitionsOf(asked, described);
      for (const cursor of await cursorsOf(client, topic, details, from, until)) reader.add(cursor);
      if (until.kind === 'never' && asked.length === 0) {
        void addNewPartitions(reader, described.partitions, { client, clock: world.clock, topic });
      }
      await reader.done();
    } catch (error) {
      // An interrupt is how following ends.
      if (!interrupted.aborted) throw error;
    }
  },
});

/** Partitions that are added while the topic is followed are read from their start: nothing was in them before. */
async function addNewPartitions(
  reader: Reader,
  known: number,
  { client, clock, topic }: { client: MillraceClient; clock: Clock; topic: string },
): Promise<void> {
  let read = known;
  for (;;) {
    await clock.sleep(cliLimits.cliTopicRefreshMs, reader.signal);
    if (reader.signal.aborted) return;
    // Where this fails the polls do too, and it is they who say so.
    const described = await client.topics.describe(topic, { signal: reader.signal }).catch(() => undefined);
    for (const { partition, logStartOffset } of described?.partitionDetails.slice(read) ?? []) {
      reader.add({ partition, next: logStartOffset, stop: undefined });
    }
    read = Math.max(read, described?.partitions ?? 0);
  }
}

/** A group has its own idea of what is read where. */
function startOfGroup(given: Given<Flag>, { kind }: From): 'earliest' | 'latest' {
  for (const flag of ['until', 'end', 'partition'] as const) {
    if (given.on(flag)) throw new UsageError(`--${flag} does not go with --group, whose members share all partitions`);
  }
  if (kind === 'earliest' || kind === 'latest') return kind;
  throw new UsageError('--from is earliest or latest with --group: "millrace groups reset" sets where a group goes on');
}

function untilOf(given: Given<Flag>, nowMs: number): Until {
  const until = given.text('until');
  if (until !== undefined && given.on('end'))
    throw new UsageError('--until and --end are both given: give one of them');
  if (given.on('end')) return { kind: 'end' };
  return until === undefined ? { kind: 'never' } : parseUntil(until, nowMs);
}

function formatOf(given: Given<Flag>): RecordFormat {
  const named = given.oneOf('format', FORMATS);
  const template = given.text('template');
  const separator = given.text('key-separator');
  const json = given.on('json') || named === 'json';
  if (template !== undefined && (json || named !== undefined)) {
    throw new UsageError('--template says all about the format: --format and --json do not go with it');
  }
  if (given.on('json') && named !== undefined && named !== 'json')
    throw new UsageError(`--json is not --format ${named}`);
  if (separator !== undefined && (json || template !== undefined)) {
    throw new UsageError('--key-separator goes with the formats text and base64 only; the others have the key');
  }
  if (template !== undefined) return templateFormat(template);
  if (json) return jsonFormat;
  const between = separator === undefined ? undefined : unescaped('--key-separator', separator);
  return named === 'base64' ? base64Format(between) : textFormat(between);
}
