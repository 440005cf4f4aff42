/** `millrace triggers create` */
import type { CreateTriggerOptions, TriggerFailureTarget } from '../../client/triggers.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { apiJson } from '../api-json.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import type { Given } from '../flags.ts';
import { parseTime, TIME_FORMS } from '../times.ts';

type Flag =
  | 'topic'
  | 'topic-pattern'
  | 'target'
  | 'from'
  | 'group'
  | 'batch-size'
  | 'batching-window-ms'
  | 'filter'
  | 'on-failure'
  | 'retries'
  | 'max-age-ms'
  | 'bisect'
  | 'item-failures'
  | 'parallel'
  | 'window-ms'
  | 'timeout-ms'
  | 'disabled';

export const createTrigger = defineCommand({
  name: 'triggers create',
  operands: '<trigger>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Deliver the records of topics to a function',
  details: `Times: ${TIME_FORMS}.`,
  flags: {
    topic: {
      short: 't',
      placeholder: '<topic>',
      repeats: true,
      about: 'Its records; several times for several topics.',
    },
    'topic-pattern': {
      placeholder: '<pattern>',
      about: 'Instead: of all topics whose names it matches, later ones too.',
    },
    target: { placeholder: '<arn>', about: "The function's ARN; of a local server <module>.<export>." },
    from: { placeholder: '<where>', default: 'latest', about: 'latest, earliest or @<time>.' },
    group: { short: 'g', placeholder: '<group>', about: 'The consumer group that it drives. Default: its name.' },
    'batch-size': { placeholder: '<n>', about: 'Records an invocation.' },
    'batching-window-ms': { placeholder: '<ms>', about: 'How long a batch may fill.' },
    filter: {
      placeholder: '<json>',
      repeats: true,
      about: 'An event pattern; several times for several, one of which must match.',
    },
    'on-failure': { placeholder: '<where>', about: 'An ARN of SQS, SNS or S3, or a topic, for what is given up.' },
    retries: { placeholder: '<n>', about: 'Tries after the first. Default: until it succeeds.' },
    'max-age-ms': { placeholder: '<ms>', about: 'Give up records that are older. Default: at no age.' },
    bisect: { about: 'Halve a batch that fails.' },
    'item-failures': { about: "The function's answer names what failed." },
    parallel: {
      placeholder: '<n>',
      about: 'Invocations at once for a partition; records with equal keys stay in order.',
    },
    'window-ms': { placeholder: '<ms>', about: 'Tumbling windows of this length.' },
    'timeout-ms': { placeholder: '<ms>', about: 'What the function may take.' },
    disabled: { about: 'Do not deliver yet.' },
  },
  examples: [
    {
      about: 'what is produced from now on',
      command:
        'millrace triggers create order-mails -t orders --target arn:aws:lambda:eu-central-1:123456789012:function:mails',
    },
    {
      about: 'only some records, three tries, and the rest to a queue',
      command: `millrace triggers create big-orders -t orders --target $FUNCTION --filter '{"value":{"total":[{"numeric":[">",100]}]}}' --retries 2 --on-failure $QUEUE`,
    },
  ],
  async run({ world, given, operands: [name = ''], client, out, json, tell }) {
    const made = await client.triggers.create(name, optionsOf(given, world.clock.now()));
    if (json) return out.json(apiJson(made));
    tell(`The trigger ${name} ${made.enabled ? 'delivers' : 'is made, and rests'}.`);
  },
});

function optionsOf(given: Given<Flag>, nowMs: number): CreateTriggerOptions {
  const [topics, topicPattern] = [given.list('topic'), given.text('topic-pattern')];
  if ((topics.length === 0) === (topicPattern === undefined)) throw new UsageError('give --topic or --topic-pattern');
  const target = given.text('target');
  if (target === undefined) throw new UsageError('give the --target');
  const onFailure = given.text('on-failure');
  return {
    ...(topicPattern === undefined ? { topics } : { topicPattern }),
    target,
    ...startOf(given.text('from') ?? 'latest', nowMs),
    group: given.text('group'),
    batchSize: given.number('batch-size', 1, triggerLimits.triggerBatchSizeMax),
    batchingWindowMs: given.number('batching-window-ms', 0, triggerLimits.triggerBatchingWindowMsMax),
    filters: given.list('filter'),
    ...(onFailure !== undefined && { onFailure: failureTargetOf(onFailure) }),
    retryAttempts: given.number('retries', 0, triggerLimits.triggerRetryAttemptsMax),
    maxRecordAgeMs: given.number(
      'max-age-ms',
      triggerLimits.triggerRecordAgeMsMin,
      triggerLimits.triggerRecordAgeMsMax,
    ),
    bisectBatchOnError: given.on('bisect'),
    reportBatchItemFailures: given.on('item-failures'),
    parallelizationFactor: given.number('parallel', 1, triggerLimits.triggerParallelizationMax),
    tumblingWindowMs: given.number('window-ms', 0, triggerLimits.triggerTumblingWindowMsMax),
    timeoutMs: given.number('timeout-ms', 1, triggerLimits.triggerTimeoutMsMax),
    enabled: !given.on('disabled'),
  };
}

function startOf(from: string, nowMs: number): Pick<CreateTriggerOptions, 'startingPosition' | 'startingTimestamp'> {
  if (from === 'latest') return { startingPosition: 'LATEST' };
  if (from === 'earliest') return { startingPosition: 'TRIM_HORIZON' };
  if (!from.startsWith('@')) throw new UsageError(`--from is "${from}", not latest, earliest or @<time>`);
  return { startingPosition: 'AT_TIMESTAMP', startingTimestamp: parseTime('--from', from, nowMs) };
}

function failureTargetOf(text: string): TriggerFailureTarget {
  const [, service] = /^arn:[^:]+:(sqs|sns|s3):/.exec(text) ?? [];
  if (service !== undefined) return { kind: service as 'sqs' | 'sns' | 's3', arn: text };
  if (!text.startsWith('arn:')) return { kind: 'topic', topic: text };
  throw new UsageError(`--on-failure is "${text}", not an ARN of SQS, SNS or S3, nor a topic`);
}
