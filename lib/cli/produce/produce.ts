/** `millrace produce` */
import type { Producer } from '../../client/producer/producer.ts';
import { utf8Text } from '../../kernel/bytes.ts';
import { cliLimits } from '../../kernel/limits/cli.ts';
import { clientLimits } from '../../kernel/limits/client.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { unescaped } from '../escapes.ts';
import { EXIT, Failure, sentenceOf, UsageError } from '../failure.ts';
import type { Given } from '../flags.ts';
import { counted } from '../table.ts';
import { BadLine } from './bad-line.ts';
import { checkFiles, type LinesOf, readLines } from './input.ts';
import { FORMATS, type LineOptions, parseLine } from './parse-line.ts';
import { LineSender, type ParsedLine } from './sender.ts';

type LineFlag = 'format' | 'key-separator' | 'null-empty' | 'partition' | 'header';
type Flag = LineFlag | 'acks' | 'batch' | 'linger' | 'quiet';

export const produce = defineCommand<Flag>({
  name: 'produce',
  operands: '<topic> [<file>…]',
  operandsMin: 1,
  operandsMax: Infinity,
  about: 'Write records, one a line, from files or from what is piped in',
  details: `A line that is no record, or too large for the topic, is refused by its number; the others are written, and the exit
code is 1. Any other failure ends it. Ctrl-C ends the input; what was read is written, and the exit code is 130.
A line ends with LF or CR LF. An empty line is an empty record; blank lines between JSON records count for nothing.`,
  flags: {
    'key-separator': {
      short: 'k',
      alias: 'K',
      placeholder: '<text>',
      about: 'What ends the key in a line; without it, records have none.',
    },
    partition: { short: 'p', placeholder: '<n>', about: 'All into this one; else by the key.' },
    header: { short: 'H', placeholder: '<name>=<value>', repeats: true, about: 'A header of every record.' },
    format: {
      placeholder: `<${FORMATS.join('|')}>`,
      default: 'text',
      about: 'What a line is: the value; a record as the API has it; base64 of the bytes.',
    },
    'null-empty': { short: 'Z', about: "Empty keys and values are Kafka's null." },
    acks: { placeholder: '<all|leader|none>', default: 'all', about: 'When a record counts as written.' },
    batch: {
      placeholder: '<n>',
      default: String(clientLimits.clientBatchRecordsDefault),
      about: 'Records of one request at most.',
    },
    linger: {
      placeholder: '<ms>',
      default: String(clientLimits.clientLingerMsDefault),
      about: 'How long a request waits for more.',
    },
    quiet: { short: 'q', about: 'Say nothing of how far it is; refusals and failures only.' },
  },
  examples: [
    { about: 'type records; Ctrl-D ends', command: 'millrace produce orders' },
    { about: 'with keys', command: "echo 'ada:12' | millrace produce orders -k :" },
    {
      about: 'a file whose keys end at a tab, with a header',
      command: "millrace produce orders -k '\\t' -H source=import orders.tsv",
    },
    { about: 'as JSON', command: `echo '{"key":"ada","value":{"total":12}}' | millrace produce orders --format json` },
    { about: 'what a program prints, for as long as it does', command: 'tail -F app.log | millrace produce logs' },
  ],
  async run(invocation) {
    const { world, given, operands, client } = invocation;
    const [topic = '', ...files] = operands;
    const options = lineOptions(given);
    const settings = {
      acks: given.oneOf('acks', ['all', 'leader', 'none']),
      batchRecordsMax: given.number('batch', 1, requestLimits.recordsPerRequestMax),
      lingerMs: given.number('linger', 0, clientLimits.clientDeliveryTimeoutMsDefault),
    };
    if (files.filter((file) => file === '-').length > 1) throw new UsageError('- is there twice; once is enough');
    await checkFiles(files);
    const interrupted = world.interruption();
    const producer = client.producer<Uint8Array, Uint8Array>(settings);
    const work = new Production(invocation, topic, options, producer);
    await work.run(readLines(files, world.stdin, AbortSignal.any([interrupted, work.failed.signal])));
    await work.conclude(interrupted.aborted);
  },
});

/** One run of the command. */
class Production {
  readonly failed = new AbortController();
  private readonly invocation: Invocation<Flag>;
  private readonly topic: string;
  private readonly options: LineOptions;
  private readonly producer: Producer<Uint8Array, Uint8Array>;
  private readonly sender: LineSender;
  private refused = 0;

  constructor(
    invocation: Invocation<Flag>,
    topic: string,
    options: LineOptions,
    producer: Producer<Uint8Array, Uint8Array>,
  ) {
    this.invocation = invocation;
    this.topic = topic;
    this.options = options;
    this.producer = producer;
    this.sender = new LineSender({
      producer,
      topic,
      onRefused: (label, reason) => this.refuse(label, reason),
      onFailure: () => this.failed.abort(),
    });
  }

  async run(input: AsyncIterable<LinesOf>): Promise<void> {
    const ended = new AbortController();
    void this.progress(ended.signal);
    try {
      for await (const lines of input) await this.sender.send(this.parse(lines));
    } finally {
      // After a failure others may be on their way; what is not settled soon is left.
      await this.producer.close(this.failed.signal.aborted ? { timeoutMs: cliLimits.cliCloseMsMax } : {});
      ended.abort();
    }
  }

  /** Says what was done. Throws a `Failure` where that is not all. */
  async conclude(interrupted: boolean): Promise<void> {
    const { out, json, given, tell, url } = this.invocation;
    const { written, failed, failure } = this.sender;
    if (json) {
      const partitions = this.sender.summary().map(({ partition, records, firstOffset, lastOffset }) => ({
        partition,
        records,
        first_offset: firstOffset,
        last_offset: lastOffset,
      }));
      await out.json({ topic: this.topic, written, refused: this.refused, failed, partitions });
    }
    const done = `${counted(written, 'record')} ${written === 1 ? 'is' : 'are'} written to ${this.topic}`;
    if (failure !== undefined) throw new Failure(`${sentenceOf(failure, url)} ${done}.`);
    if (this.refused > 0) throw new Failure(`${counted(this.refused, 'line')} refused; ${done}.`);
    if (interrupted) throw new Failure(`Interrupted; ${done}.`, EXIT.interrupted);
    if (!json && !given.on('quiet')) tell(`${done}.`);
  }

  private parse({ file, lines }: LinesOf): ParsedLine[] {
    const parsed: ParsedLine[] = [];
    for (const { number, bytes } of lines) {
      const label = file === undefined || file === '-' ? `line ${number}` : `${file}:${number}`;
      if (bytes === undefined) {
        this.refuse(label, `is longer than ${cliLimits.cliLineBytesMax} bytes, more than any topic takes`);
        continue;
      }
      if (this.options.format === 'json' && isBlank(bytes)) continue;
      try {
        parsed.push({ label, record: parseLine(bytes, this.options), bytes: bytes.length });
      } catch (error) {
        if (!(error instanceof BadLine)) throw error;
        this.refuse(label, error.message);
      }
    }
    return parsed;
  }

  private refuse(label: string, reason: string): void {
    this.refused++;
    const { tell } = this.invocation;
    if (this.refused <= cliLimits.cliRefusalsShown) tell(`millrace: ${label}: ${reason}`);
    else if (this.refused === cliLimits.cliRefusalsShown + 1)
      tell('millrace: further lines are refused, and only counted');
  }

  private async progress(ended: AbortSignal): Promise<void> {
    const { world, given, tell } = this.invocation;
    if (given.on('quiet')) return;
    let before = 0;
    let beforeMs = world.clock.monotonic();
    for (;;) {
      await world.clock.sleep(cliLimits.cliProgressMs, ended);
      if (ended.aborted) return;
      const { written } = this.sender;
      const nowMs = world.clock.monotonic();
      const rate = Math.round(((written - before) * 1_000) / (nowMs - beforeMs));
      // An input that pauses is no news.
      if (written > before) tell(`${counted(written, 'record')}, ${rate.toLocaleString('en')}/s`);
      [before, beforeMs] = [written, nowMs];
    }
  }
}

function lineOptions(given: Given<LineFlag>): LineOptions {
  const format = given.oneOf('format', FORMATS) ?? 'text';
  const separator = given.text('key-separator');
  if (format === 'json' && (separator !== undefined || given.on('null-empty'))) {
    throw new UsageError(
      '--key-separator and --null-empty are for the formats text and base64: JSON says what is what',
    );
  }
  if (separator === '') throw new UsageError('--key-separator is empty');
  const headers = given.pairs('header').map(([key, value]) => ({ key, value }));
  if (headers.length > requestLimits.headersPerRecordMax) {
    throw new UsageError(`there are ${headers.length} headers, more than ${requestLimits.headersPerRecordMax}`);
  }
  return {
    format,
    keySeparator: separator === undefined ? undefined : unescaped('--key-separator', separator),
    emptyIsNull: given.on('null-empty'),
    partition: given.number('partition', 0, topicLimits.partitionsPerTopicMax - 1),
    headers,
  };
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.length < BLANK_BYTES_MAX && utf8Text(bytes)?.trim() === '';
}

/** A longer line of nothing but space is refused as no JSON. */
const BLANK_BYTES_MAX = 1_024;
